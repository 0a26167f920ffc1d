"""The published cells as data, one module for each origin, and in `zoo.cells.found` our own.

A module holds a table ``CELLS``: name -> paper, method, reported figures, notes where sources
disagree, sources, and the cells themselves, one node per line, each with its edges
``(operation, input)``.  A cell without a paper says its source.  Every module of this folder is
read: a new one needs no entry elsewhere.  Facts only; how a cell is looked up stands in
`zoo.registry`.
"""
