"""File names in an artifact folder, apart from its code so that importing them is fast."""

MANIFEST = "manifest.json"
GENOTYPE = "genotype.json"
LABELS = "labels.txt"  # class names of an image network, one per line
VOCABULARY = "vocabulary.json"  # of a language model: a JSON list of tokens, ordered by id
CONFIG, HISTORY = "config.json", "history.jsonl"  # of a training; cannot be recreated
