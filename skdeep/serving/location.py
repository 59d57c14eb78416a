"""Where the model lies: a path, or what a platform says of it."""

import importlib
import os
import tempfile
from pathlib import Path

from skdeep.serving.errors import ModelError

# Where SageMaker unpacks a model.
SAGEMAKER_FOLDER = Path("/opt/ml/model")


def find_model(given, environ=os.environ, sagemaker_folder=SAGEMAKER_FOLDER):
    """Path of the archive to serve.

    Parameters
    ----------
    given : str or None
        What the command line names: a file, a folder that holds one archive, or an
        address that starts with ``file://`` or ``gs://``. If None, the environment
        variables SKDEEP_MODEL and AIP_STORAGE_URI, which Vertex AI sets, and then
        SageMaker's folder.

    environ : dict

    sagemaker_folder : path

    Returns
    -------
    path : Path

    Raises
    ------
    ModelError
    """
    address = given or environ.get("SKDEEP_MODEL") or environ.get("AIP_STORAGE_URI")
    if not address:
        if not sagemaker_folder.is_dir():
            raise ModelError(
                "There is no model to serve. Name one: skdeep serve MODEL, or set "
                f"SKDEEP_MODEL, or put it into {sagemaker_folder}."
            )
        address = str(sagemaker_folder)
    if address.startswith("gs://"):
        return _only_archive(_download(address))
    if "://" in address and not address.startswith("file://"):
        raise ModelError(
            "The model must be a path, or an address of file:// or gs://. "
            f"Got {address}."
        )
    path = Path(address.removeprefix("file://"))
    if path.is_dir():
        return _only_archive(path)
    if not path.is_file():
        raise ModelError(f"There is no file {path}.")
    return path


def _only_archive(folder):
    """The archive in a folder, which may hold other files beside it."""
    files = sorted(path for path in folder.iterdir() if path.is_file())
    archives = [path for path in files if path.suffix == ".skdeep"] or files
    if len(archives) != 1:
        found = ", ".join(path.name for path in archives[:9]) or "none"
        raise ModelError(
            f"{folder} must hold one file that ends in .skdeep. Got {found}."
        )
    return archives[0]


def _download(address):
    """Copy what lies under a gs:// address to a new folder."""
    try:
        storage = importlib.import_module("google.cloud.storage")
    except ImportError as error:
        raise ModelError(
            f"Reading {address} needs google-cloud-storage: pip install "
            "google-cloud-storage, or copy the file and name its path."
        ) from error
    bucket, _, prefix = address.removeprefix("gs://").partition("/")
    folder = Path(tempfile.mkdtemp(prefix="skdeep-model-"))
    client = storage.Client()
    for blob in client.list_blobs(bucket, prefix=prefix):
        if not blob.name.endswith("/"):
            blob.download_to_filename(str(folder / Path(blob.name).name))
    return folder
