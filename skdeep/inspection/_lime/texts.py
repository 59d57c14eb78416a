"""LIME of texts."""

import numpy as np
from lime.lime_text import LimeTextExplainer


def explain_text(asked, text, *, n_features, n_samples, random_state):
    """Explain a text by its words."""
    predict, code, names = asked.choose([text])
    explainer = LimeTextExplainer(class_names=names, random_state=random_state)
    explanation = explainer.explain_instance(
        text,
        predict,
        labels=(code,),
        num_features=n_features or len(text),
        num_samples=n_samples,
    )
    words, weights = zip(*explanation.as_list(label=code), strict=True)
    return asked.tell(
        explanation,
        code,
        np.array([weights]),
        X=text,
        shape=(len(words),),
        axes=("step",),
        feature_names=np.array(words),
    )
