"""Small PyTorch modules that are not of the zoo, with example inputs."""

import torch
from torch import nn

WORDS = 50


class Convolutional(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU6(inplace=True),
            nn.MaxPool2d(2), nn.Conv2d(8, 16, 3, groups=2), nn.BatchNorm2d(16), nn.SiLU(),
            nn.ConvTranspose2d(16, 8, 2, 2), nn.BatchNorm2d(8), nn.AdaptiveAvgPool2d(1),
            nn.Flatten(), nn.Linear(8, 5), nn.BatchNorm1d(5))

    def forward(self, images):
        return self.body(images)


class Transformer(nn.Module):
    """Over token ids of 64 bits, with a class token in front of them."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.token = nn.Embedding(WORDS, 16), nn.Parameter(torch.randn(1, 1, 16))
        layer = nn.TransformerEncoderLayer(16, 4, 32, batch_first=True)
        self.encoder, self.head = nn.TransformerEncoder(layer, 2), nn.Linear(16, 7)

    def forward(self, ids):
        words = torch.cat([self.token.expand(ids.shape[0], -1, -1), self.table(ids)], 1)
        return self.head(self.encoder(words)[:, 0])


class Pair(nn.Module):
    """Two tensors in, a nested structure out; an operation that ONNX lacks."""

    def __init__(self) -> None:
        super().__init__()
        self.bilinear = nn.Bilinear(4, 6, 3)

    def forward(self, left, right):
        return self.bilinear(left, right), (left.sum(1), {"deep": right * torch.tensor(2.0)}), None


class Detector(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Conv1d(4, 6, 3)

    def forward(self, signal):
        boxes = self.body(signal)
        return {"boxes": boxes, "scores": boxes.softmax(1).amax(-1), "best": boxes.argmax(1)}


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(4, 6, 2, batch_first=True, bidirectional=True)
        self.head = nn.Linear(12, 3)

    def forward(self, steps):
        outputs, (hidden, _) = self.lstm(steps)
        return self.head(outputs[:, -1]), hidden


class Resizing(nn.Module):
    """Attention with a mask input, and a resize to given sizes."""

    def forward(self, images, mask):
        small = nn.functional.interpolate(images, size=(5, 7), mode="bilinear")
        rows = images.flatten(2)
        mixed = nn.functional.scaled_dot_product_attention(rows, rows, rows, mask[:, None, :])
        return small, mixed


def seeded(make):
    torch.manual_seed(0)
    module = make().eval()
    with torch.no_grad():
        for each in module.modules():
            if isinstance(each, nn.modules.batchnorm._BatchNorm):
                each.running_mean.uniform_(-0.5, 0.5)
                each.running_var.uniform_(0.5, 2)
    return module


#: A module, its example, and whether its batch is open in an export.
MODULES = {
    "convolutional": (Convolutional, lambda: torch.rand(1, 3, 16, 16), True),
    "transformer": (Transformer, lambda: torch.randint(WORDS, (2, 9)), True),
    "pair": (Pair, lambda: (torch.rand(1, 4), torch.rand(1, 6)), True),
    "detector": (Detector, lambda: {"signal": torch.rand(3, 4, 9)}, True),
    "recurrent": (Recurrent, lambda: torch.rand(1, 7, 4), False),
    "resizing": (Resizing, lambda: (torch.rand(1, 3, 8, 8),
                                    torch.tensor([[True, True, False]])), True),
}
