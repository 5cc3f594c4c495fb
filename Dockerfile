# syntax=docker/dockerfile:1
# The serving image: no PyTorch, no compiler, no root. What exports weights is a stage of its own, and only its
# result is copied:
#
#   docker build -t tieback .                              weights from a volume at /models
#   docker build -t tieback --build-arg WEIGHTS=baked .    weights inside: starts without a network
#   docker build -t tieback --build-arg RUNTIME=gpu .      onnxruntime-gpu in place of onnxruntime
#
# `scripts/release --image` builds it under the name of the version.
#
# TORCH_INDEX names a package index with builds of PyTorch for the processor alone; without it the stage that
# exports takes the default ones, which bring CUDA: gigabytes, though none of them reach the image.

ARG PYTHON=3.11
ARG WEIGHTS=volume
ARG RUNTIME=cpu
ARG PRECISION=
# What the image is of, for its labels: --build-arg REVISION=$(git rev-parse HEAD), SOURCE=https://….
ARG VERSION=0.1.0
ARG REVISION=
ARG SOURCE=

FROM python:${PYTHON}-slim AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY services services
COPY clients clients
COPY examples/library examples/library
RUN pip wheel --no-deps --wheel-dir /wheels ./clients .

# Every file of a package is held against the hashes of constraints.txt. A GPU's build of ONNX Runtime takes the place of
# the other one, and has CUDA's own libraries.
FROM build AS serving
ARG RUNTIME
RUN sed '/^# Recipes/,$d' constraints.txt >serving.txt \
 && python -m venv /opt/tieback \
 && /opt/tieback/bin/pip install --no-deps --require-hashes --requirement serving.txt \
 && /opt/tieback/bin/pip install /wheels/tieback_client-*.whl "$(echo /wheels/tieback-*.whl)[milvus,http]" \
 && if [ "${RUNTIME}" = gpu ]; then \
      /opt/tieback/bin/pip uninstall --yes onnxruntime \
      && /opt/tieback/bin/pip install 'onnxruntime-gpu[cuda,cudnn]>=1.31'; \
    fi \
 # A pod of KubeRay logs what `ray start` writes: with this one, also what the platform's processes say.
 && printf '#!/opt/tieback/bin/python\nfrom tieback.serving.processes.ray_node import main\nmain()\n' \
    > /opt/tieback/bin/ray

# Exports always run on the processor, whatever the image is for.
FROM build AS exporting
ARG TORCH_INDEX
ARG PRECISION
RUN sed '/^# Development/,$d' constraints.txt >exporting.txt \
 && python -m venv /opt/exporting \
 && /opt/exporting/bin/pip install --no-deps --require-hashes --requirement exporting.txt \
 && if [ -n "${TORCH_INDEX}" ]; then /opt/exporting/bin/pip install --index-url "${TORCH_INDEX}" torch; fi \
 && /opt/exporting/bin/pip install /wheels/tieback_client-*.whl "$(echo /wheels/tieback-*.whl)[train]"
RUN TIEBACK_MODELS=/models /opt/exporting/bin/tieback models pull
# What a GPU may compute in, as TIEBACK_PRECISION of the deployment names it.
RUN if [ -n "${PRECISION}" ]; then \
      TIEBACK_MODELS=/models TIEBACK_PROVIDER=cuda TIEBACK_PRECISION="${PRECISION}" /opt/exporting/bin/tieback models pull; \
    fi

FROM build AS weights-volume
RUN mkdir /models

FROM exporting AS weights-baked

FROM weights-${WEIGHTS} AS weights

FROM python:${PYTHON}-slim AS image
RUN groupadd --gid 10001 tieback \
 && useradd --uid 10001 --gid 10001 --create-home --shell /usr/sbin/nologin tieback \
 && mkdir /data \
 && chown tieback:tieback /data \
 # KubeRay runs `ray` in a login shell, which forgets the PATH below.
 && ln -s /opt/tieback/bin/ray /opt/tieback/bin/tieback /usr/local/bin/
COPY --from=serving /opt/tieback /opt/tieback
COPY --from=weights --chown=10001:10001 /models /models
# The last five are what `tieback serve` gives a Ray cluster of its own (serving/processes/cluster.py); one that somebody
# else starts, as KubeRay does, has them from here. A head asks each node so often whether it is there, and takes one for
# lost that is not, five times one after another; until then it places what was lost on the lost node.
ENV PATH=/opt/tieback/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    TIEBACK_HOST=0.0.0.0 \
    TIEBACK_HEALTH_PORT=50052 \
    TIEBACK_MODELS=/models \
    TIEBACK_STORE=/data \
    TIEBACK_LOG_FORMAT=json \
    RAY_USAGE_STATS_ENABLED=0 \
    OMP_NUM_THREADS=1 \
    TOKENIZERS_PARALLELISM=false \
    MALLOC_ARENA_MAX=2 \
    RAY_preload_python_modules=tieback.serving.processes.lean_serve \
    RAY_health_check_period_ms=1000
USER 10001:10001
WORKDIR /home/tieback
VOLUME ["/data"]
EXPOSE 50051 8080 9464
# Asks the plaintext health port, which needs neither a certificate nor a token, whether all is ready that this server
# has: one without an index has no pipeline. A check is a process of its own and takes a second of a processor, so that
# a platform that is up is asked seldom.
HEALTHCHECK --interval=30s --timeout=10s --start-period=120s --start-interval=5s --retries=3 \
  CMD ["tieback", "health", "--server", "127.0.0.1:50052"]
STOPSIGNAL SIGTERM
ARG VERSION
ARG REVISION
ARG SOURCE
LABEL org.opencontainers.image.title="tieback" \
      org.opencontainers.image.description="Multimodal retrieval and grounded generation over gRPC" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.source="${SOURCE}"
ENTRYPOINT ["tieback"]
CMD ["serve"]
