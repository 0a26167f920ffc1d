"""Readers of the data sets.

To add one, write a module here and add its name to `zoo.data.images.NAMES`; texts are in
`zoo.data.text`.
"""
