# The commands of lgg_seg in a container: `docker build -t lgg_seg --build-arg TORCH=cuda .`, see docs/quickstart.md.
FROM python:3.11.13-slim-bookworm

# cpu takes PyTorch's builds without CUDA, of the same versions; cuda takes requirements.txt with its hashes, as `make` does.
ARG TORCH=cpu
RUN pip install --no-cache-dir uv==0.13.8

WORKDIR /src
COPY pyproject.toml requirements.txt README.md LICENSE ./
# Dependencies before the code: an edit of it does not install them again.
RUN if [ "$TORCH" = cuda ]; then \
        uv pip install --system --no-cache --require-hashes -r requirements.txt; \
    else \
        sed -E '/^ +--hash/d; s/ *\\$//' requirements.txt > locked.txt && \
        uv pip install --system --no-cache --torch-backend=cpu -c locked.txt -r pyproject.toml hatchling; \
    fi
COPY conf conf
COPY hydra_plugins hydra_plugins
COPY lgg_seg lgg_seg
RUN uv pip install --system --no-cache --no-deps --no-build-isolation .

# Whoever starts the container owns what it writes: docker run --user "$(id -u)".
WORKDIR /home/lgg_seg
RUN chmod 1777 /home/lgg_seg
ENV HOME=/tmp
USER 1000
ENTRYPOINT ["python", "-m", "lgg_seg"]
