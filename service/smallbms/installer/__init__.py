"""Install, update and remove this software on a device; standard library only."""
