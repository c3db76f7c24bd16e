"""How far what came lies from what a model was trained on."""
