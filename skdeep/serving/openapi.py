"""The description of the app for machines, and a page of it for people."""

import html
import json

from skdeep._version import __version__
from skdeep.serving.protocols.v2 import VERSION

_REFUSALS = {
    "400": "What was asked for can't be; `error` says which field, and what it must be",
    "408": "The body took too long",
    "413": "The body is too large",
    "415": "Content-Type or Content-Encoding isn't one of those listed",
    "429": "Too many rows wait; Retry-After says how many seconds to wait",
    "503": "The model is being loaded",
}
_KINDS = {
    "number": {"type": "number"},
    "boolean": {"type": "boolean"},
    "token": {"type": "integer", "minimum": 0},
}


def describe(service, settings):
    """OpenAPI description of the app.

    Parameters
    ----------
    service : Service

    settings : Settings

    Returns
    -------
    description : dict
    """
    signature, name = service.model.signature, service.model.name
    of_model = f"/v2/models/{name}"
    schemas = _schemas(signature)
    instances = {
        "type": "object",
        "required": ["instances"],
        "properties": {
            "instances": _rows("Row"),
            "parameters": {"$ref": "#/components/schemas/Parameters"},
        },
    }
    infer = _post(
        "Open Inference Protocol",
        {"application/json": {"$ref": "#/components/schemas/InferenceRequest"}},
        {"application/json": {"$ref": "#/components/schemas/InferenceResponse"}},
    )
    paths = {
        settings.predict_route: {
            "post": _post(
                "Predict (Vertex AI)",
                {"application/json": instances},
                {"application/json": {"$ref": "#/components/schemas/Predictions"}},
                406,
            )
        },
        "/invocations": {"post": _invocations()},
        f"{of_model}/infer": {"post": infer},
        f"{of_model}/versions/{VERSION}/infer": {"post": infer},
    }
    for path, summary in {
        "/healthz": "Whether the server runs",
        "/readyz": "Whether the model is loaded",
        "/ping": "The same, for SageMaker",
        settings.health_route: "The same, for Vertex AI",
        "/execution-parameters": "What SageMaker's batch transform may ask for",
        "/metrics": "Counts for Prometheus",
        "/v2": "Metadata of the server",
        "/v2/health/live": "Whether the server runs",
        "/v2/health/ready": "Whether the model is loaded",
        of_model: "Inputs and outputs of the model",
        f"{of_model}/ready": "Whether the model is loaded",
    }.items():
        paths[path] = {"get": _get(summary, path == "/metrics")}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"{name}, a {service.model.described.get('model') or 'model'}",
            "version": __version__,
        },
        "paths": paths,
        "components": {"schemas": schemas},
    }


def _invocations():
    text = {"type": "string"}
    by_name = {"type": "object", "minProperties": 1, "maxProperties": 2}
    return _post(
        "Predict (SageMaker, MLflow)",
        {
            "application/json": {"anyOf": [_rows("Row"), by_name]},
            "text/csv": text,
            "application/jsonlines": text,
            "application/x-npy": {"type": "string", "format": "binary"},
        },
        {
            "application/json": {"$ref": "#/components/schemas/Predictions"},
            "text/csv": text,
            "application/jsonlines": text,
            "application/x-npy": {"type": "string", "format": "binary"},
        },
        406,
    )


def _rows(name):
    items = {"$ref": f"#/components/schemas/{name}"}
    return {"type": "array", "minItems": 1, "items": items}


def _post(summary, content, answers, *statuses):
    refusals = dict(_REFUSALS)
    if 406 in statuses:
        refusals["406"] = "Accept allows nothing that can be given"
    return {
        "summary": summary,
        "requestBody": {
            "required": True,
            "content": {kind: {"schema": schema} for kind, schema in content.items()},
        },
        "responses": {
            "200": {
                "description": "Predictions",
                "content": {kind: {"schema": s} for kind, s in answers.items()},
            },
            **{
                status: {
                    "description": text,
                    "content": {
                        "application/json": {
                            "schema": {"$ref": "#/components/schemas/Error"}
                        }
                    },
                }
                for status, text in sorted(refusals.items())
            },
        },
    }


def _get(summary, as_text):
    kind = "text/plain" if as_text else "application/json"
    schema = {"type": "string"} if as_text else {"type": "object"}
    return {
        "summary": summary,
        "responses": {
            "200": {"description": "Yes", "content": {kind: {"schema": schema}}},
            "503": {
                "description": _REFUSALS["503"],
                "content": {
                    "application/json": {
                        "schema": {"$ref": "#/components/schemas/Error"}
                    }
                },
            },
        },
    }


def _schemas(signature):
    values = [_value(field) for field in signature.fields]
    n, alike = len(values), all(value == values[0] for value in values)
    row = {"type": "array", "minItems": n, "maxItems": n}
    # A thousand pixels don't need a thousand descriptions.
    row |= {"items": values[0]} if alike else {"prefixItems": values}
    if signature.names is not None:
        by_name = {
            "type": "object",
            "properties": dict(zip(signature.names, values, strict=True)),
            "required": [f.name for f in signature.fields if not f.missing],
            "additionalProperties": False,
        }
        row = {"anyOf": [row, by_name]}
    elif signature.input_shape is not None and len(signature.input_shape) > 1:
        folded = values[0]
        for size in reversed(signature.input_shape):
            folded = {
                "type": "array",
                "minItems": size,
                "maxItems": size,
                "items": folded,
            }
        row = {"anyOf": [row, folded]}
    probabilities = {
        "type": "array",
        "items": {"type": "number", "minimum": 0, "maximum": 1},
        "minItems": signature.n_outputs,
        "maxItems": signature.n_outputs,
    }
    labels = signature.classes
    label = {} if signature.multilabel else {"enum": labels}
    return {
        "Row": row,
        "Parameters": {
            "type": "object",
            "properties": {"output": {"enum": ["full", "label", "probabilities"]}},
        },
        "Predictions": {
            "type": "object",
            "required": ["predictions"],
            "properties": {
                "predictions": {
                    "type": "array",
                    "items": {
                        "anyOf": [
                            {
                                "type": "object",
                                "required": ["label", "probabilities"],
                                "properties": {
                                    "label": label,
                                    "probabilities": probabilities,
                                },
                            },
                            label,
                            probabilities,
                        ]
                    },
                }
            },
        },
        "Error": {
            "type": "object",
            "required": ["error"],
            "properties": {"error": {"type": "string"}},
        },
        **_tensors(),
    }


def _value(field):
    if field.categories:
        schema = {"enum": list(field.categories)}
    elif field.kind in ("category", "text"):
        schema = {"type": "string"}
    else:
        schema = dict(_KINDS[field.kind])
    return {"anyOf": [schema, {"type": "null"}]} if field.missing else schema


def _tensors():
    tensor = {
        "type": "object",
        "required": ["name", "shape", "datatype"],
        "properties": {
            "name": {"type": "string"},
            "shape": {"type": "array", "items": {"type": "integer", "minimum": -1}},
            "datatype": {"type": "string"},
            "parameters": {"type": "object"},
            "data": {"type": "array"},
        },
    }
    outputs = {"type": "array", "items": {"type": "object", "required": ["name"]}}
    return {
        "Tensor": tensor,
        "InferenceRequest": {
            "type": "object",
            "required": ["inputs"],
            "properties": {
                "id": {"type": "string"},
                "inputs": _rows("Tensor"),
                "outputs": outputs,
                "parameters": {"type": "object"},
            },
        },
        "InferenceResponse": {
            "type": "object",
            "required": ["model_name", "outputs"],
            "properties": {
                "model_name": {"type": "string"},
                "model_version": {"type": "string"},
                "id": {"type": "string"},
                "outputs": _rows("Tensor"),
            },
        },
    }


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 54rem;
  padding: 0 1rem; color: #222; }}
code, pre {{ font: 14px/1.4 ui-monospace, monospace; background: #f4f4f4; }}
pre {{ padding: .7rem; overflow: auto; }}
td, th {{ text-align: left; padding: .15rem 1rem .15rem 0; vertical-align: top; }}
b {{ color: #05648f; }}
</style></head><body>
<h1>{title}</h1>
<p>For machines: <a href="openapi.json">openapi.json</a></p>
{operations}
<h2>Schemas</h2>
<pre>{schemas}</pre>
</body></html>
"""


def document_html(description):
    """Page that shows a description; it loads nothing from elsewhere.

    Parameters
    ----------
    description : dict

    Returns
    -------
    page : str
    """
    operations = [
        _operation(method.upper(), path, operation)
        for path, methods in description["paths"].items()
        for method, operation in methods.items()
    ]
    schemas = json.dumps(description["components"]["schemas"], indent=1)
    return _PAGE.format(
        title=html.escape(description["info"]["title"]),
        operations="\n".join(operations),
        schemas=html.escape(schemas),
    )


def _operation(method, path, operation):
    kinds = ", ".join(operation.get("requestBody", {}).get("content", ()))
    answers = "".join(
        f"<tr><td>{status}</td><td>{html.escape(answer['description'])}</td></tr>"
        for status, answer in operation["responses"].items()
    )
    takes = f"<p>Takes {html.escape(kinds)}</p>" if kinds else ""
    return (
        f"<h3><b>{method}</b> <code>{html.escape(path)}</code></h3>"
        f"<p>{html.escape(operation['summary'])}</p>{takes}<table>{answers}</table>"
    )
