"""The process that alone holds the output pins and the remote inputs, and its client.

The process uses the standard library only, and little of it: no `dataclasses` (which load `inspect`), `typing`,
`argparse` or `logging`, each of which would be a good part of the memory and of the start of so small a process.
"""
