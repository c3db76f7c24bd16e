"""Why a flat model predicts what it predicts: a contribution of each feature. Nothing here runs while a row is
predicted."""

from evertrain.scoring.explanations.attribution import NotExplainable, Scale
from evertrain.scoring.explanations.explainer import Explained, Explainer, Explanation, explainer_of

__all__ = ["Explained", "Explainer", "Explanation", "NotExplainable", "Scale", "explainer_of"]
