"""Tables: of the user, of the ward that is simulated, and as features."""
