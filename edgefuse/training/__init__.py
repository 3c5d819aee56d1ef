"""From a recipe to a model with its card. The only package that imports torch."""
