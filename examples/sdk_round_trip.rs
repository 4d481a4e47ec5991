//! Writes and reads an object with the AWS SDK for Rust, with its default settings.
//!
//! Start a server, then run this with the credentials that it printed:
//!
//! ```text
//! AWS_ACCESS_KEY_ID=... AWS_SECRET_ACCESS_KEY=... cargo run --example sdk_round_trip -- http://127.0.0.1:9000
//! ```

use aws_sdk_s3::{
    Client,
    config::{BehaviorVersion, Credentials, Region},
    primitives::ByteStream,
};
use std::{env, error::Error};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let endpoint = env::args().nth(1).unwrap_or_else(|| "http://127.0.0.1:9000".to_owned());
    let credentials =
        Credentials::new(env::var("AWS_ACCESS_KEY_ID")?, env::var("AWS_SECRET_ACCESS_KEY")?, None, None, "environment");
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(endpoint)
        .region(Region::new("us-east-1"))
        .credentials_provider(credentials)
        .force_path_style(true)
        .build();
    let client = Client::from_conf(config);

    client.create_bucket().bucket("example-bucket").send().await?;
    let body = ByteStream::from_static(b"Hello from the pantry.");
    let put = client.put_object().bucket("example-bucket").key("greeting.txt").body(body).send().await?;
    println!("stored with ETag {}", put.e_tag().unwrap_or_default());

    let got = client.get_object().bucket("example-bucket").key("greeting.txt").send().await?;
    println!("read back: {}", String::from_utf8_lossy(&got.body.collect().await?.into_bytes()));

    client.delete_object().bucket("example-bucket").key("greeting.txt").send().await?;
    client.delete_bucket().bucket("example-bucket").send().await?;
    Ok(())
}
