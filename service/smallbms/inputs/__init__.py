"""What is measured beside the batteries: the voltage and the current of the bank."""
