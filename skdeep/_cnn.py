"""Convolutional classifier."""

from skdeep._architectures import PRESETS, kinds, resolve
from skdeep._augmentation import CHANGES
from skdeep._base import BaseDeepClassifier
from skdeep._batches import even_size
from skdeep._docstrings import shared_docs
from skdeep._parameters import Number, OneOf, Several, Sizes
from skdeep._rules import SHARED_RULES
from skdeep._validation import InputFormat

# What "auto" means for `batch_size`.
_SMALLEST_BATCH, _LARGEST_BATCH = 20, 200


@shared_docs
class DeepCNNClassifier(BaseDeepClassifier):
    """Convolutional net for images (2-D) and series (1-D).

    Series of different length are padded with NaN at the end.

    Parameters
    ----------
    input_shape : tuple of int or None, default=None
        Shape of one sample: ``(channels, height, width)`` or ``(channels, length)``;
        with ``channels="last"``, ``(height, width, channels)`` or
        ``(length, channels)``. Flat X is folded to it. Without it, N-D X tells its
        own shape, and flat X is a series of one channel. One axis may be -1, to be
        inferred.

    channels : {"first", "last"}, default="first"
        Which axis of a sample holds the channels.

    architecture : {"auto", "plain", "residual", "fcn", "resnet", "inception", \
"rocket"}, default="auto"
        How the convolutions are arranged, and what the "auto" of the other parameters
        stands for. For images "auto" is plain. For series it is five nets: a residual
        one of narrow convolutions (7, 5 and 3 steps), a residual one of wide ones (15,
        9 and 5), a plain one (8, 5 and 3) and two of random kernels; only the first
        three if `n_filters` or `augmentation` is given. The second one reads the
        differences of neighbouring steps, too, and the last one stretches short series
        over their padding. The members of `n_members` are these in turns.

        - "plain": one after another.
        - "residual": blocks of them with a shortcut around each (He et al., 2016).
        - "fcn", "resnet": these two as in Wang et al. (2017), wide and without pooling
          between the stages.
        - "inception": of several widths side by side (Ismail Fawaz et al., 2020).
        - "rocket": random kernels that are not trained, of all dilations, for series.
          Half of them tell where they are above a threshold (Dempster et al., 2020),
          half where they are the best of eight (Dempster et al., 2023), both in a way
          that has a gradient. Only what follows the pooling is trained, so this takes
          seconds. `n_filters` is the number of kernels.

    n_filters : int, array-like of int or "auto", default="auto"
        Filters of each stage.

    depth : int or "auto", default="auto"
        Convolutions (blocks) in each stage. Where `architecture` is "auto" too, that is
        one for series and for images of fewer than 16 pixels along an axis, and two for
        larger ones.

    kernel_size : int, array-like of int or "auto", default="auto"
        Width of the convolutions along each axis. Several widths are those of the
        stages ("plain", "fcn"), of the convolutions of each block ("residual",
        "resnet"), or of the convolutions side by side ("inception").

    stride : int or "auto", default="auto"
        Step of a first convolution, before the stages; 1 has no such convolution.
        "auto" brings longer series to about 512 steps, and larger images to about 64
        pixels.

    pool_size : int or "auto", default="auto"
        Window of the max pooling after each stage; 1 pools nothing.

    pooling : {"auto", "mean", "max", "flatten"}, default="auto"
        How the last feature map becomes a vector. "auto" is "flatten" for plain nets on
        images, else "mean".

    hidden_layer_sizes : int or array-like of int, default=()
        Dense layers between that vector and the output.

    augmentation : {"shift", "flip", "crop", "cutout", "mixup"}, list or None, \
default=None
        Random changes of the training batches, or several in their order: a move by up
        to a tenth of each axis, a reflection of the last axis, a stretched part, a
        hole, a mixture of pairs (Zhang et al., 2018).

    {shared_parameters}

    Attributes
    ----------
    {shared_attributes}

    See Also
    --------
    DeepMLPClassifier : For tables.
    DeepRNNClassifier : For sequences.

    References
    ----------
    LeCun, Bottou, Bengio and Haffner (1998). Gradient-based learning applied to
    document recognition. Proceedings of the IEEE 86.

    Wang, Yan and Oates (2017). Time series classification from scratch with deep neural
    networks: a strong baseline. IJCNN.

    Dempster, Petitjean and Webb (2020). ROCKET: exceptionally fast and accurate time
    series classification using random convolutional kernels. Data Mining and Knowledge
    Discovery 34.

    Dempster, Schmidt and Webb (2023). Hydra: competing convolutional kernels for fast
    and accurate time series classification. Data Mining and Knowledge Discovery 37.

    Ismail Fawaz et al. (2020). InceptionTime: finding AlexNet for time series
    classification. Data Mining and Knowledge Discovery 34.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.model_selection import train_test_split
    >>> from skdeep import DeepCNNClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> clf = DeepCNNClassifier(
    ...     input_shape=(1, 8, 8), n_filters=(8, 16), learning_rate="one_cycle",
    ...     learning_rate_init=0.01, max_iter=10, random_state=0,
    ... )
    >>> X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    >>> clf.fit(X_train, y_train).score(X_test, y_test) > 0.9
    True
    """

    _rules = {
        **SHARED_RULES,
        "input_shape": [Sizes(length=(2, 3), scalar=False, inferred=True), OneOf(None)],
        "channels": [OneOf("first", "last")],
        "architecture": [OneOf(*PRESETS)],
        "n_filters": [Sizes(empty=False), OneOf("auto")],
        "depth": [Number(1, integer=True), OneOf("auto")],
        "kernel_size": [Sizes(empty=False), OneOf("auto")],
        "stride": [Number(1, integer=True), OneOf("auto")],
        "pool_size": [Number(1, integer=True), OneOf("auto")],
        "pooling": [OneOf("auto", "mean", "max", "flatten")],
        "hidden_layer_sizes": [Sizes()],
        "n_members": [*SHARED_RULES["n_members"], OneOf("auto")],
        "augmentation": [Several(*CHANGES), OneOf(None)],
        "standardize": [*SHARED_RULES["standardize"], OneOf("auto", "sample")],
        "normalization": [OneOf("auto", "batch", "layer", None)],
    }
    _input_format = InputFormat(n_axes=(2, 3), padded=True)
    _auto_epochs = (500, 12, 300)
    _module_name = "CNN"

    def __init__(
        self,
        *,
        input_shape=None,
        channels="first",
        architecture="auto",
        n_filters="auto",
        depth="auto",
        kernel_size="auto",
        stride="auto",
        pool_size="auto",
        pooling="auto",
        hidden_layer_sizes=(),
        augmentation=None,
        activation="relu",
        solver="adam",
        alpha=0.0001,
        l1_ratio=0.0,
        batch_size="auto",
        learning_rate="cosine",
        learning_rate_init=0.003,
        power_t=0.5,
        max_iter="auto",
        loss="log_loss",
        focal_gamma=2.0,
        label_smoothing=0.0,
        class_weight=None,
        batch_sampler=None,
        dropout=0.0,
        normalization="auto",
        gradient_clip=None,
        standardize="auto",
        shuffle=True,
        random_state=None,
        tol=1e-4,
        verbose=False,
        warm_start=False,
        momentum=0.9,
        nesterovs_momentum=True,
        early_stopping=False,
        validation_fraction=0.1,
        scoring=None,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-8,
        n_iter_no_change=10,
        max_fun=15000,
        n_members="auto",
        device="auto",
        dtype="auto",
        mixed_precision=False,
        callbacks=None,
    ):
        self.input_shape = input_shape
        self.channels = channels
        self.architecture = architecture
        self.n_filters = n_filters
        self.depth = depth
        self.kernel_size = kernel_size
        self.stride = stride
        self.pool_size = pool_size
        self.pooling = pooling
        self.hidden_layer_sizes = hidden_layer_sizes
        self.augmentation = augmentation
        super().__init__(
            activation=activation,
            solver=solver,
            alpha=alpha,
            l1_ratio=l1_ratio,
            batch_size=batch_size,
            learning_rate=learning_rate,
            learning_rate_init=learning_rate_init,
            power_t=power_t,
            max_iter=max_iter,
            loss=loss,
            focal_gamma=focal_gamma,
            label_smoothing=label_smoothing,
            class_weight=class_weight,
            batch_sampler=batch_sampler,
            dropout=dropout,
            normalization=normalization,
            gradient_clip=gradient_clip,
            standardize=standardize,
            shuffle=shuffle,
            random_state=random_state,
            tol=tol,
            verbose=verbose,
            warm_start=warm_start,
            momentum=momentum,
            nesterovs_momentum=nesterovs_momentum,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            scoring=scoring,
            beta_1=beta_1,
            beta_2=beta_2,
            epsilon=epsilon,
            n_iter_no_change=n_iter_no_change,
            max_fun=max_fun,
            n_members=n_members,
            device=device,
            dtype=dtype,
            mixed_precision=mixed_precision,
            callbacks=callbacks,
        )

    def _default_shape(self, n_features):
        return (n_features, 1) if self.channels == "last" else (1, n_features)

    def _time_axis(self, input_shape):
        if len(input_shape) == 3:
            return None
        return 0 if self.channels == "last" else 1

    def _auto_batch_size(self, n_samples):
        return even_size(n_samples, _SMALLEST_BATCH, _LARGEST_BATCH)

    def _count_members(self, input_shape):
        if self.n_members != "auto":
            return self.n_members
        return len(kinds(self.get_params(deep=False), len(input_shape) - 1))

    def _module_config(self, input_shape, n_outputs, multilabel, member):
        config = super()._module_config(input_shape, n_outputs, multilabel, member)
        chosen = self.get_params(deep=False)
        return {**config, **resolve(chosen, input_shape[1:], member)}
