//! The console is built by `make`. Where it has not been, a page takes its place that says so, and the centre builds and runs.

use std::{fs, path::Path};

const PAGE: &str = r#"<!doctype html>
<html lang="vi">
<meta charset="utf-8">
<title>Mắt Phố</title>
<p>The console has not been built into this program. Run <code>make</code> in the source tree, or use the API at <code>/api/v1</code>.</p>
<p>Giao diện chưa được dựng vào chương trình này. Hãy chạy <code>make</code> trong thư mục mã nguồn, hoặc dùng API tại <code>/api/v1</code>.</p>
</html>
"#;

fn main() {
    let page = Path::new("console/dist/index.html");
    if !page.exists() {
        let written = fs::create_dir_all("console/dist").and_then(|()| fs::write(page, PAGE));
        if let Err(error) = written {
            println!("cargo::error=failed to write {}: {error}", page.display());
        }
    }
    println!("cargo::rerun-if-changed=console/dist");
    println!("cargo::rerun-if-changed=migrations");
    println!("cargo::rerun-if-changed=build.rs");
}
