"""What a fit does: parameters, plan, runner, cost."""
