"""What a process of the server is started with."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Options:
    """Options of a process; it can be sent to another one.

    Parameters
    ----------
    model : str
        Path of the archive.

    engine : {"onnx", "torch"}, default="onnx"

    name : str or None, default=None
        Of the model.

    host : str, default="127.0.0.1"

    port : int, default=8080

    keep_alive : int, default=75
        Seconds that a connection may rest between requests.

    grace : int, default=25
        Seconds that requests have to end once the server is told to.

    log_level : str, default="info"

    settings : dict, default={}
        Arguments of :class:`Settings`.
    """

    model: str
    engine: str = "onnx"
    name: str | None = None
    host: str = "127.0.0.1"
    port: int = 8080
    keep_alive: int = 75
    grace: int = 25
    log_level: str = "info"
    settings: dict = field(default_factory=dict)
