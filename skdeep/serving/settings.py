"""What can be set of a server, with its default."""

from dataclasses import dataclass

OUTPUTS = ("full", "label", "probabilities")


@dataclass(frozen=True)
class Settings:
    """Settings of the app.

    Parameters
    ----------
    max_batch : int, default=64
        Most rows that the model is given at once.

    max_delay_ms : float, default=0
        How long a batch waits for further rows while requests keep coming. A request
        that finds the server idle never waits.

    max_queue : int, default=1024
        Most rows that may wait; requests beyond are refused with 429.

    max_body : int, default=6291456
        Most bytes of a request, before and after decompression.

    body_timeout : float, default=20
        Seconds that a client may take to send a request, or to read an answer.

    output : {"full", "label", "probabilities"}, default="full"
        What is answered where a request doesn't say.

    unknown_categories : bool, default=False
        Whether to pass categories that training didn't see to the model, which knows
        what to do with them, instead of refusing them.

    predict_route, health_route : str
        Those of Vertex AI, which names its own.

    access_log : bool, default=True
        Whether to write a line for each request.
    """

    max_batch: int = 64
    max_delay_ms: float = 0.0
    max_queue: int = 1024
    max_body: int = 6 * 1024 * 1024
    body_timeout: float = 20.0
    output: str = "full"
    unknown_categories: bool = False
    predict_route: str = "/predict"
    health_route: str = "/health"
    access_log: bool = True

    def __post_init__(self):
        for name in ("max_batch", "max_queue", "max_body"):
            value = getattr(self, name)
            if not isinstance(value, int) or value < 1:
                raise ValueError(f"`{name}` must be a positive integer. Got {value!r}.")
        if not self.max_delay_ms >= 0:
            raise ValueError(
                f"`max_delay_ms` must be at least 0. Got {self.max_delay_ms!r}."
            )
        if not self.body_timeout > 0:
            raise ValueError(
                f"`body_timeout` must be above 0. Got {self.body_timeout!r}."
            )
        if self.output not in OUTPUTS:
            raise ValueError(f"`output` must be one of {OUTPUTS}. Got {self.output!r}.")
        for name in ("predict_route", "health_route"):
            value = getattr(self, name)
            if not value.startswith("/"):
                raise ValueError(f"`{name}` must start with a slash. Got {value!r}.")
