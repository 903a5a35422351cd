# klsweep on the processor alone: docker build -t klsweep .
# To train in the current directory: docker run --rm -v "$PWD:/work" klsweep --config sweep.toml
FROM rust:1.95-slim-trixie AS build
WORKDIR /src
COPY . .
RUN cargo install --locked --path crates/train --no-default-features --features flex --root /usr/local

FROM debian:trixie-slim
COPY --from=build /usr/local/bin/klsweep /usr/local/bin/
# Where the program looks for MNIST if the current directory has none.
COPY --from=build /src/data/mnist /src/data/mnist
WORKDIR /work
ENTRYPOINT ["klsweep"]
