"""Use of exported models on this machine."""
