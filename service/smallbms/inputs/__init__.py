"""What is measured beside the batteries: the voltage of the bank."""
