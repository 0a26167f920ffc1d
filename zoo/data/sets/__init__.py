"""The data sets: where each is read from, and how.

A new one is a module here and a name in `zoo.data.images.NAMES`; texts are in `zoo.data.text`.
"""
