//! Fetching models from a real server on this machine: one that cuts connections, that knows no ranges, that holds something else, that is not there.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    sync::{Arc, Mutex},
    thread,
};

use matpho_edge::pull::{MIRROR_VARIABLE, pull};
use matpho_infer::Registry;
use sha2::{Digest, Sha256};

/// A file that is no model; only its hash is looked at.
fn weights() -> Vec<u8> {
    (0..3500u32).map(|n| (n * 31 % 251) as u8).collect()
}

/// A registry with one model, `detector.onnx` in a folder that does not exist yet, fetched from `url`.
fn registry(dir: &Path, url: &str) -> Registry {
    let hash = hex::encode(Sha256::digest(weights()));
    let text = format!(
        "[[model]]\nid = \"detector\"\nfile = \"public/detector.onnx\"\nsha256 = \"{hash}\"\nfamily = \"yolox\"\nclasses = [\"car\"]\nnms_iou = 0.5\n\
         licence = \"Apache-2.0\"\ncard = \"c\"\nsummary = \"s\"\nurl = \"{url}\"\n[model.input]\nwidth = 32\nheight = 32\nlayout = \"nchw\"\n\
         channels = \"bgr\"\nmean = [0.0, 0.0, 0.0]\nscale = [1.0, 1.0, 1.0]\nresize = \"stretch\"\n[model.output]\ndecoded = false\nstrides = [8]\n\
         [model.threshold]\ncar = 0.4\n"
    );
    Registry::parse(&dir.join("registry.toml"), &text).unwrap()
}

/// How a server answers.
#[derive(Clone, Copy)]
struct Manners {
    /// It honours `Range`.
    ranges: bool,
    /// It hangs up after so many bytes of a body.
    cut_after: usize,
}

const GOOD: Manners = Manners { ranges: true, cut_after: usize::MAX };

/// Serves `body` at `/detector.onnx`; `/moved` leads there. Returns its address and the requests it got: path and where from.
fn serve(body: Vec<u8>, manners: Manners) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let requests = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&requests);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let _ = answer(stream, &body, manners, &log);
        }
    });
    (address, requests)
}

fn answer(mut stream: TcpStream, body: &[u8], manners: Manners, log: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let path = lines.next().transpose()?.unwrap_or_default().split(' ').nth(1).unwrap_or_default().to_owned();
    let mut from = None;
    for line in lines {
        let line = line?.to_ascii_lowercase();
        if let Some(range) = line.strip_prefix("range: bytes=") {
            from = range.trim_end_matches('-').parse::<usize>().ok();
        }
        if line.is_empty() {
            break;
        }
    }
    log.lock().unwrap().push(from.map_or(path.clone(), |from| format!("{path} from {from}")));
    if path == "/moved" {
        return write!(
            stream,
            "HTTP/1.1 302 Found\r\nlocation: /detector.onnx\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        );
    }
    if path != "/detector.onnx" {
        return write!(stream, "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    }
    let rest = match from.filter(|_| manners.ranges) {
        Some(from) if from >= body.len() => {
            return write!(stream, "HTTP/1.1 416 Range Not Satisfiable\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        }
        Some(from) => {
            let (rest, last, all) = (&body[from..], body.len() - 1, body.len());
            write!(stream, "HTTP/1.1 206 Partial Content\r\ncontent-range: bytes {from}-{last}/{all}\r\n")?;
            rest
        }
        None => {
            write!(stream, "HTTP/1.1 200 OK\r\n")?;
            body
        }
    };
    write!(stream, "content-length: {}\r\nconnection: close\r\n\r\n", rest.len())?;
    stream.write_all(&rest[..rest.len().min(manners.cut_after)])
}

/// Pulls; returns what became of it, and the error in words.
fn fetch(registry: &Registry, mirror: Option<&str>) -> Result<bool, String> {
    pull(&registry.entries()[0], mirror, &mut |_, _| {}).map_err(|error| format!("{error:#}"))
}

/// What a broken off download leaves.
fn part(dir: &Path) -> std::path::PathBuf {
    let hash = hex::encode(Sha256::digest(weights()));
    dir.join(format!("public/detector.onnx.{}.part", &hash[..8]))
}

fn nothing_in_place(dir: &Path) {
    assert!(!dir.join("public/detector.onnx").exists(), "nothing wrong is put in place");
}

#[test]
fn a_model_is_fetched_once_and_redirects_are_followed() {
    let dir = tempfile::tempdir().unwrap();
    let (address, requests) = serve(weights(), GOOD);
    let registry = registry(dir.path(), &format!("{address}/moved"));
    assert_eq!(fetch(&registry, None), Ok(true));
    assert_eq!(fs::read(dir.path().join("public/detector.onnx")).unwrap(), weights());
    assert_eq!(fetch(&registry, None), Ok(false), "what is right is not fetched again");
    assert_eq!(*requests.lock().unwrap(), ["/moved", "/detector.onnx"]);
    assert!(!part(dir.path()).exists());
}

#[test]
fn a_connection_that_is_cut_is_taken_up_where_it_ended() {
    let dir = tempfile::tempdir().unwrap();
    let (address, requests) = serve(weights(), Manners { cut_after: 1000, ..GOOD });
    assert_eq!(fetch(&registry(dir.path(), &format!("{address}/detector.onnx")), None), Ok(true));
    assert_eq!(
        *requests.lock().unwrap(),
        ["/detector.onnx", "/detector.onnx from 1000", "/detector.onnx from 2000", "/detector.onnx from 3000"]
    );
    assert_eq!(fs::read(dir.path().join("public/detector.onnx")).unwrap(), weights());
}

#[test]
fn what_an_earlier_run_left_is_gone_on_with() {
    let dir = tempfile::tempdir().unwrap();
    let (address, _) = serve(weights(), Manners { cut_after: 0, ..GOOD });
    let dead = registry(dir.path(), &format!("{address}/detector.onnx"));
    fs::create_dir_all(dir.path().join("public")).unwrap();
    fs::write(part(dir.path()), &weights()[..1200]).unwrap();
    let error = fetch(&dead, None).unwrap_err();
    assert!(
        error.contains("the connection broke off") && error.contains("1200 bytes are here and will be gone on with"),
        "{error}"
    );
    nothing_in_place(dir.path());

    let (address, requests) = serve(weights(), GOOD);
    assert_eq!(fetch(&registry(dir.path(), &format!("{address}/detector.onnx")), None), Ok(true));
    assert_eq!(*requests.lock().unwrap(), ["/detector.onnx from 1200"]);
}

#[test]
fn a_server_without_ranges_sends_all_of_it_again() {
    let dir = tempfile::tempdir().unwrap();
    let (address, _) = serve(weights(), Manners { ranges: false, ..GOOD });
    fs::create_dir_all(dir.path().join("public")).unwrap();
    fs::write(part(dir.path()), &weights()[..1200]).unwrap();
    assert_eq!(fetch(&registry(dir.path(), &format!("{address}/detector.onnx")), None), Ok(true));
    assert_eq!(fs::read(dir.path().join("public/detector.onnx")).unwrap(), weights());
}

#[test]
fn a_download_that_was_whole_before_it_was_put_in_place_is_not_fetched_again() {
    let dir = tempfile::tempdir().unwrap();
    let (address, requests) = serve(weights(), GOOD);
    fs::create_dir_all(dir.path().join("public")).unwrap();
    fs::write(part(dir.path()), weights()).unwrap();
    assert_eq!(fetch(&registry(dir.path(), &format!("{address}/detector.onnx")), None), Ok(true));
    assert_eq!(*requests.lock().unwrap(), ["/detector.onnx from 3500"]);
}

#[test]
fn something_else_under_the_name_is_thrown_away() {
    let dir = tempfile::tempdir().unwrap();
    let mut other = weights();
    other[7] ^= 1;
    let (address, _) = serve(other.clone(), GOOD);
    let registry = registry(dir.path(), &format!("{address}/detector.onnx"));
    for _ in 0..2 {
        let error = fetch(&registry, None).unwrap_err();
        for words in
            ["is not the model that the registry declares", &registry.entries()[0].sha256, &hex::encode(Sha256::digest(&other))]
        {
            assert!(error.contains(words), "{words}: {error}");
        }
        nothing_in_place(dir.path());
        assert!(!part(dir.path()).exists(), "a wrong beginning is not gone on with");
    }
}

#[test]
fn without_a_network_it_says_how_to_do_by_hand() {
    let dir = tempfile::tempdir().unwrap();
    // A port that was free a moment ago.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let registry = registry(dir.path(), &format!("http://127.0.0.1:{port}/detector.onnx"));
    let error = fetch(&registry, None).unwrap_err();
    let place = dir.path().join("public/detector.onnx").display().to_string();
    for words in ["nobody answers there", MIRROR_VARIABLE, &place, &registry.entries()[0].sha256] {
        assert!(error.contains(words), "{words}: {error}");
    }
    let (address, _) = serve(weights(), GOOD);
    let error = fetch(&registry, Some(&format!("{address}/models"))).unwrap_err();
    assert!(error.contains("/models/detector.onnx") && error.contains("does not have it"), "{error}");
}

#[test]
fn a_mirror_takes_the_place_of_the_model_s_own_address() {
    let dir = tempfile::tempdir().unwrap();
    let registry = registry(dir.path(), "http://127.0.0.1:9/never-asked.onnx");
    let folder = tempfile::tempdir().unwrap();
    let error = fetch(&registry, folder.path().to_str()).unwrap_err();
    assert!(error.contains("cannot copy") && error.contains(MIRROR_VARIABLE), "{error}");
    fs::write(folder.path().join("detector.onnx"), b"another").unwrap();
    assert!(fetch(&registry, folder.path().to_str()).unwrap_err().contains("is not the model"), "a mirror is not trusted more");
    nothing_in_place(dir.path());
    fs::write(folder.path().join("detector.onnx"), weights()).unwrap();
    assert_eq!(fetch(&registry, folder.path().to_str()), Ok(true));

    let dir = tempfile::tempdir().unwrap();
    let (address, _) = serve(weights(), GOOD);
    assert_eq!(fetch(&self::registry(dir.path(), "http://127.0.0.1:9/x.onnx"), Some(&address)), Ok(true));
}
