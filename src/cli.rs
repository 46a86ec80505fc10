//! Placeholder.
/// main
pub fn main() -> std::process::ExitCode {
    let text = std::fs::read(std::env::args().nth(1).unwrap()).unwrap();
    let spec: crate::sandbox::Spec = serde_json::from_slice(&text).unwrap();
    let js = jobserver::Client::new(2).unwrap();
    let exit = crate::sandbox::run(&spec, Some(&js), &Default::default(), &|e| match e {
        crate::sandbox::Event::Line(l) => println!("{}", String::from_utf8_lossy(&l)),
        e => println!("{e:?}"),
    });
    println!("{exit:?}");
    std::process::ExitCode::SUCCESS
}
