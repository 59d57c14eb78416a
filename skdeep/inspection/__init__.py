"""What a fitted net has learned, and why it answers as it does."""

from skdeep.inspection._activations import layer_activations
from skdeep.inspection._grad_cam import grad_cam
from skdeep.inspection._integrated_gradients import integrated_gradients
from skdeep.inspection._lime import lime_explanation
from skdeep.inspection._masker import NDMasker
from skdeep.inspection._occlusion import occlusion
from skdeep.inspection._permutation import permutation_importance
from skdeep.inspection._report import report
from skdeep.inspection._saliency import saliency_maps
from skdeep.inspection._shapley import shap_values
from skdeep.inspection._summary import summary

__all__ = [
    "NDMasker",
    "grad_cam",
    "integrated_gradients",
    "layer_activations",
    "lime_explanation",
    "occlusion",
    "permutation_importance",
    "report",
    "saliency_maps",
    "shap_values",
    "summary",
]
