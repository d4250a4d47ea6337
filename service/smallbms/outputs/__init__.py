"""The process that alone holds the output pins and the remote inputs, and its client.

The process uses the standard library only, and named tuples instead of dataclasses: `dataclasses` loads `inspect`,
a tenth of the memory and a third of the start of so small a process.
"""
