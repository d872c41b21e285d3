"""Files that strangers may hand us, one for every kind of attack and damage, and a process to read them."""
