"""What a fitted net has learned, and why it answers as it does."""

from skdeep.inspection._activations import layer_activations
from skdeep.inspection._displays.activation import ActivationDisplay
from skdeep.inspection._displays.embedding import EmbeddingDisplay
from skdeep.inspection._displays.grad_cam import GradCAMDisplay
from skdeep.inspection._displays.history import LearningHistoryDisplay
from skdeep.inspection._displays.importance import ImportanceDisplay
from skdeep.inspection._displays.saliency import SaliencyDisplay
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
    "ActivationDisplay",
    "EmbeddingDisplay",
    "GradCAMDisplay",
    "ImportanceDisplay",
    "LearningHistoryDisplay",
    "NDMasker",
    "SaliencyDisplay",
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
