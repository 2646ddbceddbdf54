FROM condaforge/miniforge3:latest
LABEL io.github.snakemake.containerized="true"
LABEL io.github.snakemake.conda_env_hash="8bfcd9f8217618b85cd944b6d0e9669e3056951db75d1195b33ee901c48b3c32"
# Conda environment:
#   source: envs/activations.yaml
#   prefix: /conda-envs/67e5c944fe6b643b9190982434158760
#   channels:
#     - conda-forge
#   dependencies:
#     - python >=3.11,<3.14
#     - jaxtyping >=0.3,<0.4
#     - numpy >=2.4,<3
#     - pytorch >=2.13,<2.14
#     - safetensors >=0.8,<0.9
#     - tqdm >=4.70,<5
#     - transformers >=5.23,<6
#     - zarr >=3.1,<4
RUN mkdir -p /conda-envs/67e5c944fe6b643b9190982434158760
COPY envs/activations.yaml /conda-envs/67e5c944fe6b643b9190982434158760/environment.yaml
# Conda environment:
#   source: envs/alignment.yaml
#   prefix: /conda-envs/9882e0cba0d7635edf09ef2636cdbbf5
#   channels:
#     - conda-forge
#   dependencies:
#     - python >=3.11,<3.14
#     - jaxtyping >=0.3,<0.4
#     - numpy >=2.4,<3
#     - zarr >=3.1,<4
RUN mkdir -p /conda-envs/9882e0cba0d7635edf09ef2636cdbbf5
COPY envs/alignment.yaml /conda-envs/9882e0cba0d7635edf09ef2636cdbbf5/environment.yaml
# Conda environment:
#   source: envs/calibration.yaml
#   prefix: /conda-envs/fd39705db7d4eb3f31857789eb9eb30f
#   channels:
#     - conda-forge
#   dependencies:
#     - python >=3.11,<3.14
#     - jaxtyping >=0.3,<0.4
#     - numpy >=2.4,<3
#     - pandas >=3.1,<4
#     - pyarrow >=26.0,<27
#     - scipy >=1.17,<2
#     - zarr >=3.1,<4
RUN mkdir -p /conda-envs/fd39705db7d4eb3f31857789eb9eb30f
COPY envs/calibration.yaml /conda-envs/fd39705db7d4eb3f31857789eb9eb30f/environment.yaml
# Conda environment:
#   source: envs/corpus.yaml
#   prefix: /conda-envs/09b7a97f78082b81969e3312cfa35eb5
#   channels:
#     - conda-forge
#   dependencies:
#     - python >=3.11,<3.14
#     - docutils >=0.22,<0.23
#     - jaxtyping >=0.3,<0.4
#     - markdown-it-py >=4.3,<5
#     - numpy >=2.4,<3
#     - pyarrow >=26.0,<27
RUN mkdir -p /conda-envs/09b7a97f78082b81969e3312cfa35eb5
COPY envs/corpus.yaml /conda-envs/09b7a97f78082b81969e3312cfa35eb5/environment.yaml
# Conda environment:
#   source: envs/correlation.yaml
#   prefix: /conda-envs/1aa34ce7a6da6ba7164d4bb46d60983f
#   channels:
#     - conda-forge
#   dependencies:
#     - python >=3.11,<3.14
#     - jaxtyping >=0.3,<0.4
#     - numpy >=2.4,<3
#     - scipy >=1.17,<2
#     - zarr >=3.1,<4
RUN mkdir -p /conda-envs/1aa34ce7a6da6ba7164d4bb46d60983f
COPY envs/correlation.yaml /conda-envs/1aa34ce7a6da6ba7164d4bb46d60983f/environment.yaml
# Conda environment:
#   source: envs/crate.yaml
#   prefix: /conda-envs/f5254bb6720c1ce772babf4486a0d423
#   channels:
#     - conda-forge
#   dependencies:
#     - python >=3.11,<3.14
#     - jsonschema >=4.26,<5
#     - rocrate >=0.14,<0.17
RUN mkdir -p /conda-envs/f5254bb6720c1ce772babf4486a0d423
COPY envs/crate.yaml /conda-envs/f5254bb6720c1ce772babf4486a0d423/environment.yaml
# Conda environment:
#   source: envs/dag.yaml
#   prefix: /conda-envs/b7ec73eeeb891f5cc529bca5a3aa5952
#   channels:
#     - conda-forge
#   dependencies:
#     - python >=3.11,<3.14
#     - jaxtyping >=0.3,<0.4
#     - jsonschema >=4.26,<5
#     - matplotlib-base >=3.11,<4
#     - numpy >=2.4,<3
#     - pandas >=3.1,<4
#     - pyyaml >=6.0,<7
#     - pip >=26.3,<27
#     - pip:
#         - snakemake ==9.27.1
RUN mkdir -p /conda-envs/b7ec73eeeb891f5cc529bca5a3aa5952
COPY envs/dag.yaml /conda-envs/b7ec73eeeb891f5cc529bca5a3aa5952/environment.yaml
# Conda environment:
#   source: envs/download.yaml
#   prefix: /conda-envs/de4cfb9669e5bcf4ba4a87a35bdc0bf2
#   channels:
#     - conda-forge
#   dependencies:
#     - python >=3.11,<3.14
#     - packaging >=25.0,<26
#     - pip >=26.3,<27
#     - pypi-simple >=1.8,<2
#     - requests >=2.34,<3
#     - tqdm >=4.70,<5
RUN mkdir -p /conda-envs/de4cfb9669e5bcf4ba4a87a35bdc0bf2
COPY envs/download.yaml /conda-envs/de4cfb9669e5bcf4ba4a87a35bdc0bf2/environment.yaml
# Conda environment:
#   source: envs/features.yaml
#   prefix: /conda-envs/37f47ef2c46ab7f625aa5cad290125b5
#   channels:
#     - conda-forge
#   dependencies:
#     - python >=3.11,<3.14
#     - jaxtyping >=0.3,<0.4
#     - numpy >=2.4,<3
#     - pytorch >=2.13,<2.14
#     - safetensors >=0.8,<0.9
#     - scipy >=1.17,<2
#     - tqdm >=4.70,<5
#     - zarr >=3.1,<4
RUN mkdir -p /conda-envs/37f47ef2c46ab7f625aa5cad290125b5
COPY envs/features.yaml /conda-envs/37f47ef2c46ab7f625aa5cad290125b5/environment.yaml
# Conda environment:
#   source: envs/figures.yaml
#   prefix: /conda-envs/58b65e503c57443b2df7e38285dac963
#   channels:
#     - conda-forge
#   dependencies:
#     - python >=3.11,<3.14
#     - jaxtyping >=0.3,<0.4
#     - matplotlib-base >=3.11,<4
#     - numpy >=2.4,<3
#     - pandas >=3.1,<4
#     - pyarrow >=26.0,<27
RUN mkdir -p /conda-envs/58b65e503c57443b2df7e38285dac963
COPY envs/figures.yaml /conda-envs/58b65e503c57443b2df7e38285dac963/environment.yaml
# Conda environment:
#   source: envs/manifest.yaml
#   prefix: /conda-envs/efc9e6640116780038e25e4641269411
#   channels:
#     - conda-forge
#   dependencies:
#     - python >=3.11,<3.14
#     - jsonschema >=4.26,<5
RUN mkdir -p /conda-envs/efc9e6640116780038e25e4641269411
COPY envs/manifest.yaml /conda-envs/efc9e6640116780038e25e4641269411/environment.yaml
# Conda environment:
#   source: envs/model.yaml
#   prefix: /conda-envs/854ade70384f615c348506daf06d154d
#   channels:
#     - conda-forge
#   dependencies:
#     - python >=3.11,<3.14
#     - accelerate >=1.15,<2
#     - gguf >=0.19,<0.20
#     - jaxtyping >=0.3,<0.4
#     - numpy >=2.4,<3
#     - pytorch >=2.13,<2.14
#     - safetensors >=0.8,<0.9
#     - transformers >=5.23,<6
RUN mkdir -p /conda-envs/854ade70384f615c348506daf06d154d
COPY envs/model.yaml /conda-envs/854ade70384f615c348506daf06d154d/environment.yaml
# Conda environment:
#   source: envs/published.yaml
#   prefix: /conda-envs/169f62306ac7308747852500b426dcc6
#   channels:
#     - conda-forge
#   dependencies:
#     - python >=3.11,<3.14
#     - jaxtyping >=0.3,<0.4
#     - numpy >=2.4,<3
#     - pandas >=3.1,<4
#     - pyarrow >=26.0,<27
#     - pytorch >=2.13,<2.14
#     - safetensors >=0.8,<0.9
#     - scipy >=1.17,<2
#     - zarr >=3.1,<4
RUN mkdir -p /conda-envs/169f62306ac7308747852500b426dcc6
COPY envs/published.yaml /conda-envs/169f62306ac7308747852500b426dcc6/environment.yaml
# Conda environment:
#   source: envs/rematching.yaml
#   prefix: /conda-envs/a81ceb5c0827ef9219a8b20085d0c07a
#   channels:
#     - conda-forge
#   dependencies:
#     - python >=3.11,<3.14
#     - jaxtyping >=0.3,<0.4
#     - numpy >=2.4,<3
#     - scipy >=1.17,<2
#     - tqdm >=4.70,<5
#     - zarr >=3.1,<4
RUN mkdir -p /conda-envs/a81ceb5c0827ef9219a8b20085d0c07a
COPY envs/rematching.yaml /conda-envs/a81ceb5c0827ef9219a8b20085d0c07a/environment.yaml
# Conda environment:
#   source: envs/report.yaml
#   prefix: /conda-envs/3f15ce645ebc60d17c596e85d11bd6f8
#   channels:
#     - conda-forge
#   dependencies:
#     - python >=3.11,<3.14
#     - jsonschema >=4.26,<5
#     - pygments >=2.21,<3
#     - pyyaml >=6.0,<7
#     - pip >=26.3,<27
#     - pip:
#         - snakemake ==9.27.1
RUN mkdir -p /conda-envs/3f15ce645ebc60d17c596e85d11bd6f8
COPY envs/report.yaml /conda-envs/3f15ce645ebc60d17c596e85d11bd6f8/environment.yaml
# Conda environment:
#   source: envs/sae.yaml
#   prefix: /conda-envs/b44f9952ddda7ab13673168cc8ed725a
#   channels:
#     - conda-forge
#   dependencies:
#     - python >=3.11,<3.14
#     - jaxtyping >=0.3,<0.4
#     - numpy >=2.4,<3
#     - pytorch >=2.13,<2.14
#     - safetensors >=0.8,<0.9
#     - zarr >=3.1,<4
#     - pip >=26.3,<27
#     - pip:
#         - sae-lens ==6.54.12
RUN mkdir -p /conda-envs/b44f9952ddda7ab13673168cc8ed725a
COPY envs/sae.yaml /conda-envs/b44f9952ddda7ab13673168cc8ed725a/environment.yaml
# Conda environment:
#   source: envs/snapshot.yaml
#   prefix: /conda-envs/ca9fdce983b8cf6b97db50076011a0d6
#   channels:
#     - conda-forge
#   dependencies:
#     - python >=3.11,<3.14
#     - huggingface_hub >=2.4,<3
RUN mkdir -p /conda-envs/ca9fdce983b8cf6b97db50076011a0d6
COPY envs/snapshot.yaml /conda-envs/ca9fdce983b8cf6b97db50076011a0d6/environment.yaml
# Conda environment:
#   source: envs/summary.yaml
#   prefix: /conda-envs/c4511ab85a8b99161ec7bbfe7bf6e7f1
#   channels:
#     - conda-forge
#   dependencies:
#     - python >=3.11,<3.14
#     - numpy >=2.4,<3
#     - pandas >=3.1,<4
#     - pyarrow >=26.0,<27
RUN mkdir -p /conda-envs/c4511ab85a8b99161ec7bbfe7bf6e7f1
COPY envs/summary.yaml /conda-envs/c4511ab85a8b99161ec7bbfe7bf6e7f1/environment.yaml
# Conda environment:
#   source: envs/tokens.yaml
#   prefix: /conda-envs/cdd37bc11c2379315495a150105e9755
#   channels:
#     - conda-forge
#   dependencies:
#     - python >=3.11,<3.14
#     - jaxtyping >=0.3,<0.4
#     - numpy >=2.4,<3
#     - tokenizers >=0.23,<0.24
#     - zarr >=3.1,<4
RUN mkdir -p /conda-envs/cdd37bc11c2379315495a150105e9755
COPY envs/tokens.yaml /conda-envs/cdd37bc11c2379315495a150105e9755/environment.yaml

RUN conda env create --prefix /conda-envs/67e5c944fe6b643b9190982434158760 --file /conda-envs/67e5c944fe6b643b9190982434158760/environment.yaml && \
    conda env create --prefix /conda-envs/9882e0cba0d7635edf09ef2636cdbbf5 --file /conda-envs/9882e0cba0d7635edf09ef2636cdbbf5/environment.yaml && \
    conda env create --prefix /conda-envs/fd39705db7d4eb3f31857789eb9eb30f --file /conda-envs/fd39705db7d4eb3f31857789eb9eb30f/environment.yaml && \
    conda env create --prefix /conda-envs/09b7a97f78082b81969e3312cfa35eb5 --file /conda-envs/09b7a97f78082b81969e3312cfa35eb5/environment.yaml && \
    conda env create --prefix /conda-envs/1aa34ce7a6da6ba7164d4bb46d60983f --file /conda-envs/1aa34ce7a6da6ba7164d4bb46d60983f/environment.yaml && \
    conda env create --prefix /conda-envs/f5254bb6720c1ce772babf4486a0d423 --file /conda-envs/f5254bb6720c1ce772babf4486a0d423/environment.yaml && \
    conda env create --prefix /conda-envs/b7ec73eeeb891f5cc529bca5a3aa5952 --file /conda-envs/b7ec73eeeb891f5cc529bca5a3aa5952/environment.yaml && \
    conda env create --prefix /conda-envs/de4cfb9669e5bcf4ba4a87a35bdc0bf2 --file /conda-envs/de4cfb9669e5bcf4ba4a87a35bdc0bf2/environment.yaml && \
    conda env create --prefix /conda-envs/37f47ef2c46ab7f625aa5cad290125b5 --file /conda-envs/37f47ef2c46ab7f625aa5cad290125b5/environment.yaml && \
    conda env create --prefix /conda-envs/58b65e503c57443b2df7e38285dac963 --file /conda-envs/58b65e503c57443b2df7e38285dac963/environment.yaml && \
    conda env create --prefix /conda-envs/efc9e6640116780038e25e4641269411 --file /conda-envs/efc9e6640116780038e25e4641269411/environment.yaml && \
    conda env create --prefix /conda-envs/854ade70384f615c348506daf06d154d --file /conda-envs/854ade70384f615c348506daf06d154d/environment.yaml && \
    conda env create --prefix /conda-envs/169f62306ac7308747852500b426dcc6 --file /conda-envs/169f62306ac7308747852500b426dcc6/environment.yaml && \
    conda env create --prefix /conda-envs/a81ceb5c0827ef9219a8b20085d0c07a --file /conda-envs/a81ceb5c0827ef9219a8b20085d0c07a/environment.yaml && \
    conda env create --prefix /conda-envs/3f15ce645ebc60d17c596e85d11bd6f8 --file /conda-envs/3f15ce645ebc60d17c596e85d11bd6f8/environment.yaml && \
    conda env create --prefix /conda-envs/b44f9952ddda7ab13673168cc8ed725a --file /conda-envs/b44f9952ddda7ab13673168cc8ed725a/environment.yaml && \
    conda env create --prefix /conda-envs/ca9fdce983b8cf6b97db50076011a0d6 --file /conda-envs/ca9fdce983b8cf6b97db50076011a0d6/environment.yaml && \
    conda env create --prefix /conda-envs/c4511ab85a8b99161ec7bbfe7bf6e7f1 --file /conda-envs/c4511ab85a8b99161ec7bbfe7bf6e7f1/environment.yaml && \
    conda env create --prefix /conda-envs/cdd37bc11c2379315495a150105e9755 --file /conda-envs/cdd37bc11c2379315495a150105e9755/environment.yaml && \
    conda clean --all -y
