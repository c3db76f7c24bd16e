"""From fitted estimators to what a peer loads. Arguments: the peer, the estimator's file, the target."""

import os
import sys
from pathlib import Path
from typing import Any

import joblib


def to_onnx(estimator: Any, features: int, target: Path) -> None:
    from lightgbm import LGBMClassifier  # noqa: PLC0415
    from onnxmltools.convert.lightgbm.operator_converters.LightGbm import convert_lightgbm  # noqa: PLC0415
    from onnxmltools.convert.xgboost.operator_converters.XGBoost import convert_xgboost  # noqa: PLC0415
    from skl2onnx import to_onnx, update_registered_converter  # noqa: PLC0415
    from skl2onnx.common.data_types import FloatTensorType  # noqa: PLC0415
    from skl2onnx.common.shape_calculator import calculate_linear_classifier_output_shapes  # noqa: PLC0415
    from xgboost import XGBClassifier  # noqa: PLC0415

    for cls, convert in ((LGBMClassifier, convert_lightgbm), (XGBClassifier, convert_xgboost)):
        update_registered_converter(
            cls,
            f"Own{cls.__name__}",
            calculate_linear_classifier_output_shapes,
            convert,
            options={"nocl": [True, False], "zipmap": [True, False, "columns"]},
        )
    model = to_onnx(
        estimator,
        initial_types=[("rows", FloatTensorType([None, features]))],
        options={"zipmap": False},
        target_opset={"": 17, "ai.onnx.ml": 3},
    )
    target.write_bytes(model.SerializeToString())


def to_treelite(estimator: Any, _: int, target: Path) -> None:
    import treelite  # noqa: PLC0415

    module = type(estimator).__module__.partition(".")[0]
    if module == "xgboost":
        model = treelite.frontend.from_xgboost(estimator.get_booster())
    elif module == "lightgbm":
        model = treelite.frontend.from_lightgbm(estimator.booster_)
    else:
        model = treelite.sklearn.import_model(estimator)
    model.serialize(str(target))


def to_mlflow(estimator: Any, features: int, target: Path) -> None:
    import mlflow  # noqa: PLC0415
    import numpy as np  # noqa: PLC0415
    import pandas as pd  # noqa: PLC0415

    example = pd.DataFrame(np.zeros((2, features)), columns=list(estimator.feature_names_in_))
    signature = mlflow.models.infer_signature(example)
    mlflow.sklearn.save_model(
        estimator, target, signature=signature, pyfunc_predict_fn="predict_proba", serialization_format="cloudpickle"
    )


def to_bentoml(estimator: Any, _: int, target: Path) -> None:
    os.environ["BENTOML_HOME"] = str(target)
    import bentoml  # noqa: PLC0415

    bentoml.sklearn.save_model("served", estimator, signatures={"predict_proba": {"batchable": True}})


CONVERT = {"onnxruntime": to_onnx, "treelite": to_treelite, "mlflow": to_mlflow, "bentoml": to_bentoml}

peer, source, target = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
estimator = joblib.load(source)
CONVERT[peer](estimator, len(estimator.feature_names_in_), target)
