"""The server's app on Ray Serve, with as many replicas as the load asks for.

Needs ray[serve] and skdeep[serve], and a model that skdeep.persistence.save wrote:

    SKDEEP_MODEL=model.skdeep serve run on_ray_serve:app

Ray's proxy is written in Python. For several times the throughput, let it run HAProxy:
set RAY_SERVE_ENABLE_HA_PROXY=1 and RAY_SERVE_THROUGHPUT_OPTIMIZED=1 first.
"""

import os

from ray import serve

from skdeep.serving import ServedModel, create_app


def make_app(path, **options):
    """Application that serves an archive.

    Parameters
    ----------
    path : str
        Of the archive, on every machine of the cluster.

    **options : dict
        Of the deployment, in place of those below.

    Returns
    -------
    app : ray.serve.Application
    """

    def build():
        # Runs in the replica, which takes requests once it has returned: the model is
        # loaded by then.
        return create_app(ServedModel.from_archive(path))

    @serve.deployment(
        **{
            "autoscaling_config": {
                "min_replicas": 1,
                "max_replicas": 3,
                "target_ongoing_requests": 8,
            },
            # The app has a queue of its own, and refuses what is too much.
            "max_ongoing_requests": 256,
            "ray_actor_options": {"num_cpus": 1},
            **options,
        }
    )
    @serve.ingress(build)
    class Model:
        """The app does everything."""

    return Model.bind()


if "SKDEEP_MODEL" in os.environ:
    app = make_app(os.environ["SKDEEP_MODEL"])
