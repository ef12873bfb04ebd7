"""A Pipecat agent as its quickstart builds one, on the same models: Silero and Smart Turn by default, Whisper tiny.en int8, hibari, a chat server.

    PEER_WHISPER=folder PEER_LLM_URL=http://... PEER_LLM_KEY=... PEER_INSTRUCTIONS=... python agent.py PORT

One pipeline a connection. "ready" is sent as text when the pipeline listens; everything else is Pipecat's own protobuf frames.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncGenerator

import numpy as np
import uvicorn
from fastapi import FastAPI, WebSocket
from hibari import Hibari
from loguru import logger
from pipecat.audio.vad.silero import SileroVADAnalyzer
from pipecat.frames.frames import ErrorFrame, Frame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair, LLMUserAggregatorParams
from pipecat.serializers.protobuf import ProtobufFrameSerializer
from pipecat.services.openai.llm import OpenAILLMService
from pipecat.services.settings import TTSSettings
from pipecat.services.tts_service import TTSService
from pipecat.services.whisper.stt import WhisperSTTService
from pipecat.transports.websocket.fastapi import FastAPIWebsocketParams, FastAPIWebsocketTransport
from pipecat.workers.runner import WorkerRunner

HIBARI_RATE_HZ = 24_000
_ONE_VOICE = Hibari()


class HibariTTSService(TTSService):
    """hibari behind Pipecat's interface, written like its Piper service: sentence by sentence, synthesis in a thread."""

    def __init__(self) -> None:
        settings = TTSSettings(model=None, voice="heart", language=None)
        super().__init__(push_start_frame=True, push_stop_frames=True, settings=settings)

    def can_generate_metrics(self) -> bool:
        return True

    async def run_tts(self, text: str, context_id: str) -> AsyncGenerator[Frame, None]:
        pieces = _ONE_VOICE.stream(text)

        async def chunks() -> AsyncGenerator[bytes, None]:
            while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
                yield (np.clip(piece, -1, 1) * 32767).astype("<i2").tobytes()

        try:
            await self.start_tts_usage_metrics(text)
            frames = self._stream_audio_frames_from_iterator(
                chunks(), in_sample_rate=HIBARI_RATE_HZ, context_id=context_id
            )
            async for frame in frames:
                await self.stop_ttfb_metrics()
                yield frame
        except Exception as error:  # noqa: BLE001  # a frame tells the pipeline, as in its own services
            yield ErrorFrame(error=f"hibari: {error}")


async def talk(websocket: WebSocket) -> None:
    """One call, from accept to hang-up."""
    transport = FastAPIWebsocketTransport(
        websocket,
        FastAPIWebsocketParams(
            audio_in_enabled=True, audio_out_enabled=True, add_wav_header=False, serializer=ProtobufFrameSerializer()
        ),
    )
    whisper = WhisperSTTService(
        device="cpu",
        compute_type="int8",
        settings=WhisperSTTService.Settings(model=os.environ["PEER_WHISPER"]),
    )
    chat = OpenAILLMService(
        base_url=os.environ["PEER_LLM_URL"],
        api_key=os.environ["PEER_LLM_KEY"],
        settings=OpenAILLMService.Settings(model="local", system_instruction=os.environ["PEER_INSTRUCTIONS"]),
    )
    user, assistant = LLMContextAggregatorPair(
        LLMContext(), user_params=LLMUserAggregatorParams(vad_analyzer=SileroVADAnalyzer())
    )
    steps = [transport.input(), whisper, user, chat, HibariTTSService(), transport.output(), assistant]
    worker = PipelineWorker(Pipeline(steps), params=PipelineParams(enable_metrics=True, enable_usage_metrics=True))
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)

    @transport.event_handler("on_client_connected")
    async def connected(_transport: object, _client: object) -> None:
        await websocket.send_text("ready")

    @transport.event_handler("on_client_disconnected")
    async def disconnected(_transport: object, _client: object) -> None:
        await runner.cancel()

    await runner.run()


def app() -> FastAPI:
    made = FastAPI()

    @made.websocket("/ws")
    async def call(websocket: WebSocket) -> None:
        await websocket.accept()
        await talk(websocket)

    return made


if __name__ == "__main__":
    logger.remove()
    logger.add(sys.stderr, level=os.environ.get("PEER_LOG", "WARNING"))
    uvicorn.run(app(), host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", ws="websockets-sansio")
