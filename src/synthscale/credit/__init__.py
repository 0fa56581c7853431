"""Credit: rollouts to prefix values, step advantages and the pit of a wrong solution."""
