"""The error of weights, apart from what raises it."""


class WeightsError(ValueError):
    """Weights that are damaged or of another network; the message names the first misfit."""
