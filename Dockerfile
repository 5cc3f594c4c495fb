# syntax=docker/dockerfile:1
# The serving image: no torch, no compiler, no root. The weights are fetched and exported in a stage of their
# own and copied in where the build argument says so:
#
#   docker build -t tieback .                              weights from a volume at /models
#   docker build -t tieback --build-arg WEIGHTS=baked .    weights inside; runs with no network
#   docker build -t tieback --build-arg RUNTIME=gpu .      onnxruntime-gpu in place of onnxruntime

ARG PYTHON=3.11
ARG WEIGHTS=volume
ARG RUNTIME=serve

FROM python:${PYTHON}-slim AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY services services
COPY clients clients
RUN pip wheel --no-deps --wheel-dir /wheels .

FROM build AS serving
ARG RUNTIME
RUN python -m venv /opt/tieback \
 && /opt/tieback/bin/pip install --constraint constraints.txt "/wheels/$(ls /wheels | head -n 1)[${RUNTIME}]"

# What exports need and servers do not: torch and the converters.
FROM serving AS exporting
RUN /opt/tieback/bin/pip install --constraint constraints.txt "/wheels/$(ls /wheels | head -n 1)[train]" \
 && TIEBACK_MODELS=/models /opt/tieback/bin/tieback models pull

FROM scratch AS weights-volume
FROM scratch AS weights-baked
COPY --from=exporting /models /models

FROM weights-${WEIGHTS} AS weights

FROM python:${PYTHON}-slim AS image
# grpc_health_probe is not needed: Kubernetes probes gRPC itself, and compose asks `tieback health`.
RUN useradd --system --uid 10001 --create-home --home-dir /home/tieback tieback \
 && mkdir -p /models /data \
 && chown tieback:tieback /models /data
COPY --from=serving /opt/tieback /opt/tieback
COPY --from=weights --chown=10001:10001 / /
ENV PATH=/opt/tieback/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    RAY_USAGE_STATS_ENABLED=0 \
    TIEBACK_HOST=0.0.0.0 \
    TIEBACK_MODELS=/models \
    TIEBACK_DATA=/data \
    TIEBACK_LOG_FORMAT=json
USER 10001:10001
WORKDIR /home/tieback
VOLUME ["/data"]
EXPOSE 50051 9464
HEALTHCHECK --interval=10s --timeout=5s --start-period=120s --retries=6 CMD ["tieback", "health"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["tieback"]
CMD ["serve"]
