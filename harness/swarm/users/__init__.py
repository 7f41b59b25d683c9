"""Who sends: user classes, and the client through which each operation goes."""
