"""The published cells as data, one module per origin, and those found here in `zoo.cells.found`.

Each module has a table ``CELLS``: name -> paper, method, reported results, notes on disagreements
between sources, sources, and the cells themselves, one node per line with its edges
``(operation, input)``.  A cell without a paper has a source.  `zoo.registry` loads every module in
this folder; a new one needs no entry elsewhere.
"""
