"""The training container: trains one contender, or evaluates the contenders of a plan."""
