"""mlserver with a model that hands its tensor through."""

from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse


class Echo(MLModel):
    async def load(self) -> bool:
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        tensor = NumpyCodec.decode_input(payload.inputs[0])
        return InferenceResponse(id=payload.id, model_name=self.name, model_version=self.version,
                                 outputs=[NumpyCodec.encode_output("out", tensor)])
