"""What a skorch net needs and is: copies, targets, per-sample losses, the default net."""
