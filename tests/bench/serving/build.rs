//! Compiles the protocol's messages and their client.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let proto = "../../../userspace/serve/proto";
    println!("cargo:rerun-if-changed={proto}");
    let files = protox::compile([format!("{proto}/grpc_service.proto")], [proto])?;
    tonic_prost_build::configure()
        .build_server(false)
        .bytes(".inference.ModelInferRequest.raw_input_contents")
        .bytes(".inference.ModelInferResponse.raw_output_contents")
        .compile_fds(files)?;
    Ok(())
}
