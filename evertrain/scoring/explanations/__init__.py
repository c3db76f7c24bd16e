"""Why a flat model predicts what it predicts: a contribution of each feature. Nothing here runs while a row is
predicted."""

from evertrain.scoring.explanations.attribution import NotExplainable, Scale
from evertrain.scoring.explanations.explainer import Explainer, Explanation, explainer_of

__all__ = ["Explainer", "Explanation", "NotExplainable", "Scale", "explainer_of"]
