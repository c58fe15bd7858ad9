//! Areas from files, and the city as others read it: real centre, real broker, both stores.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod common;

use std::process::Command;

use common::{Center, Gateway, Message, TOKEN, center, golden, request_bytes, wait_for};
use serde_json::{Value, json};

on_both_stores!(
    areas_are_imported_listed_and_asked_for,
    wrong_areas_change_nothing,
    grants_are_kept_checked_and_taken_back,
    a_map_finds_its_way_and_pages,
    gdal_opens_the_collections_as_qgis_does,
    open_data_is_read_by_a_spreadsheet,
);

fn file(name: &str) -> String {
    format!("{}/tests/areas/{name}", env!("CARGO_MANIFEST_DIR"))
}

fn with_areas(center: &Center) {
    let said = center.command(&["area", "import", &file("areas.csv"), &file("borders.geojson"), &file("successors.csv")], "");
    assert_eq!(said, "10 areas, 10 of them new and 0 changed; 6 with a border; 6 successors\n");
}

fn areas_are_imported_listed_and_asked_for() {
    let at = Center::new("");
    let dry = at.command(&["area", "import", &file("areas.csv"), "--dry-run"], "");
    assert_eq!(dry, "would be there: 9 areas, 9 of them new and 0 changed; 0 with a border; 0 successors\n");
    assert_eq!(at.command(&["area", "list"], ""), "", "nothing was kept");
    with_areas(&at);
    let again = at.command(&["area", "import", &file("areas.csv")], "");
    assert_eq!(again, "10 areas, 0 of them new and 0 changed; 6 with a border; 6 successors\n");
    let list = at.command(&["area", "list", "--on", "2020-01-01"], "");
    assert_eq!(list.lines().count(), 6, "{list}");
    assert!(list.contains("MP-CU:00101\tcommune\tTân Lau\tMP-HUYEN:011\tfrom 2000-01-01 until 2025-07-01\n"), "{list}");
    let found = |place: [&str; 2], on: &str| -> Vec<String> {
        let said = at.command(&["area", "at", place[0], place[1], "--on", on], "");
        said.lines().map(|line| line.split('\t').next().unwrap().to_owned()).collect()
    };
    assert_eq!(found(["106.12", "10.03"], "2020-01-01"), ["MP-CU:00102", "MP-HUYEN:011", "MP-TINH:01"]);
    assert_eq!(found(["106.12", "10.03"], "2026-06-01"), ["MP-XA:10001", "MP-CA:P1", "MP-TINH:01"]);
    assert_eq!(found(["-106.12", "-10.03"], "2026-06-01"), [""; 0]);
}

fn wrong_areas_change_nothing() {
    let at = Center::new("");
    with_areas(&at);
    let before = at.command(&["area", "list"], "");
    let output = center(
        &["area", "import", &file("wrong/tree/areas.csv"), &file("wrong/tree/successors.csv"), "--config", &at.config()],
        "",
    );
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(
        said.contains("nothing was imported: 12 errors\n") && said.contains("tree/areas.csv:5: parent: MP:X is not known"),
        "{said}"
    );
    let output = center(&["area", "import", "/no/such/file", "--config", &at.config()], "");
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(at.command(&["area", "list"], ""), before);
}

fn grants_are_kept_checked_and_taken_back() {
    let at = Center::new("");
    with_areas(&at);
    at.command(&["user", "add", "lan", "--password-stdin"], "a-long-password\n");
    let run = |arguments: &[&str]| {
        let config = at.config();
        let mut all = arguments.to_vec();
        all.extend(["--config", &config]);
        let output = center(&all, "");
        let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
        (output.status.code().unwrap(), text[0].trim().to_owned(), text[1].trim().to_owned())
    };
    let check = |area: &str, kind: &str| {
        let (code, yes, no) =
            run(&["grant", "check", "--user", "lan", "--capability", "event.ack", "--area", area, "--kind", kind]);
        (code, if code == 0 { yes } else { no })
    };
    assert_eq!(check("MP-XA:10001", "flood.street"), (1, "matpho-center: not granted".into()));
    let purpose = ["--purpose", "public order and safety"];
    let add = |arguments: &[&str]| run(&[&["grant", "add", "--user", "lan"], arguments, &purpose].concat());
    let (code, id, said) = add(&["--role", "operator", "--area", "MP-TINH:01", "--kinds", "flood,fire"]);
    assert!(code == 0 && said.contains("this is the first grant"), "{said}");
    assert_eq!(check("MP-XA:10001", "flood.street"), (0, format!("allowed by {id}")));
    assert_eq!(check("MP-CU:00102", "flood.street"), (0, format!("allowed by {id}")), "both its successors are in the province");
    assert_eq!(check("MP-XA:10001", "traffic.congestion").0, 1);
    assert_eq!(check("MP-CA:P1", "flood.street").0, 1, "another tree");
    let (_, deny, _) = add(&["--capabilities", "event.ack", "--area", "MP-XA:10002", "--deny"]);
    assert_eq!(check("MP-XA:10002", "flood.street"), (1, format!("matpho-center: denied by {deny}")));
    assert_eq!(check("MP-XA:10001", "flood.street").0, 0);
    let (_, list, _) = run(&["grant", "list", "--user", "lan"]);
    assert!(
        list.lines().count() == 2
            && list.contains(
                "\tallow\tview.map view.live event.ack\tMP-TINH:01\tfire.flame,fire.smoke,flood.street\tholds\twithout end"
            ),
        "{list}"
    );
    assert_eq!(run(&["grant", "revoke", &id]).0, 0);
    assert_eq!(run(&["grant", "revoke", &id]).0, 2);
    assert_eq!(check("MP-XA:10001", "flood.street"), (1, format!("matpho-center: {id} does not hold at this time")));
    for (arguments, part) in [
        (&["--role", "king", "--everywhere"][..], "`king` is no role; there are viewer, operator"),
        (&["--role", "viewer", "--area", "MP-XA:99999"], "MP-XA:99999 is not known or not valid today"),
        (&["--role", "viewer", "--area", "MP-CU:00101"], "MP-CU:00101 is not known or not valid today"),
        (&["--role", "viewer"], "--area"),
        (&["--capabilities", "fly", "--everywhere"], "`fly` is no capability; there are view.map"),
        (&["--role", "viewer", "--everywhere", "--kinds", "fier"], "`fier` is no kind"),
        (&["--role", "viewer", "--everywhere", "--until", "2020-01-01T00:00:00Z"], "ends before it begins"),
    ] {
        let (code, _, said) = add(arguments);
        assert!(code == 2 && said.contains(part), "{arguments:?}: {said}");
    }
    let (code, _, said) = run(&["grant", "add", "--user", "nobody", "--role", "viewer", "--everywhere", "--purpose", "x"]);
    assert!(code == 2 && said.contains("there is no user nobody"), "{said}");
}

/// A centre with the invented province, a camera in it and a flood before that camera.
fn flooded() -> Center {
    let center = Center::started("");
    with_areas(&center);
    let mut gateway = Gateway::connect(&center);
    let mut status: Value = serde_json::from_str(&golden("camera_status")).unwrap();
    let camera = status["data"]["camera"].as_str().unwrap().to_owned();
    status["data"]["position"] = json!([106.123_456, 10.034_567]);
    status["data"]["name"] = json!("=Cầu Lau, chợ");
    gateway.publish(&format!("cameras/{camera}/status"), &status.to_string());
    let mut event = Message::golden("event_began").now();
    event.0["data"]["camera"] = json!(camera);
    event.0["data"]["kind"] = json!("flood.street");
    event.0["data"]["detail"] = json!({"about": "flood", "water_share": 0.5, "trend": "rising"});
    gateway.publish("events", &event.text());
    let incident = center.incidents("", 1).remove(0);
    wait_for("the incident to have its place", || {
        let (_, incident) = center.get(&format!("/api/v1/incidents/{}", incident["id"].as_str().unwrap()));
        if incident["incident"]["place"]["position"].is_array() { Ok(()) } else { Err(incident.to_string()) }
    });
    center
}

fn ids(document: &Value) -> Vec<&str> {
    document["features"]
        .as_array()
        .unwrap_or_else(|| panic!("{document}"))
        .iter()
        .map(|feature| feature["id"].as_str().unwrap())
        .collect()
}

/// The path behind the server's address.
fn path<'u>(center: &Center, url: &'u str) -> &'u str {
    url.strip_prefix(&center.url().unwrap()).unwrap_or_else(|| panic!("{url} is elsewhere"))
}

fn link<'d>(document: &'d Value, rel: &str) -> Option<&'d str> {
    document["links"].as_array().unwrap().iter().find(|link| link["rel"] == rel)?["href"].as_str()
}

fn a_map_finds_its_way_and_pages() {
    let center = flooded();
    assert_eq!(center.get_open("/api/v1/ogc/collections").unwrap().0, 401, "who is not logged in sees nothing");
    // As QGIS does: the landing page, its `data`, a collection's `items`, their `next`.
    for landing in ["/api/v1/ogc", "/api/v1/ogc/"] {
        assert_eq!(center.get(landing).0, 200);
    }
    let (_, landing) = center.get("/api/v1/ogc");
    let (status, collections) = center.get(path(&center, link(&landing, "data").unwrap()));
    assert_eq!(status, 200);
    let names: Vec<_> = collections["collections"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap()).collect();
    assert_eq!(names, ["cameras", "traffic", "flood-points", "incidents", "areas"]);
    for rel in ["conformance", "service-desc", "self"] {
        assert_eq!(center.get(path(&center, link(&landing, rel).unwrap())).0, 200, "{rel}");
    }
    let items = link(&collections["collections"][4], "items").unwrap().to_owned();
    let mut found = Vec::new();
    let mut next = Some(format!("{items}?limit=2"));
    while let Some(url) = next {
        let (status, page) = center.get(path(&center, &url));
        assert_eq!(status, 200, "{page}");
        found.extend(ids(&page).into_iter().map(str::to_owned));
        next = link(&page, "next").map(str::to_owned);
    }
    assert_eq!(found, ["MP-CA:P1", "MP-TINH:01", "MP-XA:10001", "MP-XA:10002"]);

    let (_, floods) = center.get("/api/v1/ogc/collections/flood-points/items?bbox=106,10,107,11");
    assert_eq!(floods["numberMatched"], 1, "{floods}");
    let flood = &floods["features"][0];
    assert_eq!(flood["geometry"]["coordinates"], json!([106.1235, 10.0346]), "which street, not which pole");
    assert_eq!((&flood["properties"]["kind"], &flood["properties"]["area"]), (&json!("flood.street"), &json!("MP-XA:10001")));
    let one = format!("/api/v1/ogc/collections/incidents/items/{}", flood["id"].as_str().unwrap());
    assert_eq!(center.get(&one).1["properties"], flood["properties"]);
    assert_eq!(ids(&center.get("/api/v1/ogc/collections/flood-points/items?bbox=0,0,1,1").1), [""; 0]);
    assert_eq!(ids(&center.get("/api/v1/ogc/collections/cameras/items?area=MP-XA:10001").1).len(), 1);
    assert_eq!(ids(&center.get("/api/v1/ogc/collections/cameras/items?area=MP-XA:10002").1), [""; 0]);

    for (path, status) in [
        ("/api/v1/ogc/collections/cameras/items?colour=red", 400),
        ("/api/v1/ogc/collections/cameras/items?bbox=10,106,11,107", 400),
        ("/api/v1/ogc/collections/passwords", 404),
        ("/api/v1/ogc/collections/passwords/items", 404),
        ("/api/v1/ogc/collections/cameras/items/nobody", 404),
    ] {
        assert_eq!(center.get(path).0, status, "{path}");
    }
    let (_, iris) = center.get("/api/v1/feeds/iris.csv");
    let iris = iris.as_str().unwrap();
    assert!(
        iris.contains(",HAZARD,,10.034567,106.123456,") && iris.lines().count() == 1 && iris.split(',').count() == 7,
        "{iris}"
    );
}

/// GDAL is what QGIS and most tools open OGC API Features with.
fn gdal_opens_the_collections_as_qgis_does() {
    let center = flooded();
    let address = format!("OAPIF:{}/api/v1/ogc", center.url().unwrap());
    let ask = |arguments: &[&str]| {
        let login = format!("Authorization: Bearer {TOKEN}");
        let output = Command::new("ogrinfo")
            .args(["-ro", "-al", "--config", "GDAL_HTTP_HEADERS", &login, &address])
            .args(arguments)
            .output()
            .unwrap_or_else(|error| panic!("ogrinfo: {error}; `make setup-tests` installs it (Debian: gdal-bin)"));
        let [said, warned] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        assert!(output.status.success() && warned.is_empty(), "{warned}\n{said}");
        said
    };
    let areas = ask(&["areas", "-oo", "PAGE_SIZE=1"]);
    for part in
        ["Layer name: areas", "Feature Count: 4", "Geometry: Multi Polygon", "MP-XA:10002", "Data axis to CRS axis mapping"]
    {
        assert!(areas.contains(part), "{part}: {areas}");
    }
    let floods = ask(&["flood-points", "-spat", "106", "10", "107", "11"]);
    for part in ["Feature Count: 1", "POINT (106.1235 10.0346)", "kind (String) = flood.street"] {
        assert!(floods.contains(part), "{part}: {floods}");
    }
    assert!(ask(&["flood-points", "-spat", "0", "0", "1", "1"]).contains("Feature Count: 0"));
    assert!(ask(&["cameras", "-where", "state = 'live'"]).contains("Feature Count: "));
}

fn open_data_is_read_by_a_spreadsheet() {
    let center = flooded();
    let get = |file: &str| {
        let url = format!("{}/api/v1/open-data/{file}", center.url().unwrap());
        let (status, headers, bytes) =
            request_bytes("GET", &url, &[("authorization", &format!("Bearer {TOKEN}"))], None).unwrap();
        let kind = headers.into_iter().find(|(name, _)| name == "content-type").unwrap().1;
        (status, kind, String::from_utf8(bytes).unwrap())
    };
    let (status, kind, csv) = get("cameras.csv");
    assert_eq!((status, kind.as_str()), (200, "text/csv; charset=utf-8"));
    assert!(
        csv.starts_with("\u{feff}id,lon,lat,name,area,state,updated\n") && csv.contains(",\"'=Cầu Lau, chợ\",MP-XA:10001,"),
        "{csv}"
    );
    assert!(csv.trim_end().ends_with("+07:00"), "the province's time: {csv}");
    let (_, kind, floods) = get("flood-points.geojson");
    assert_eq!(kind, "application/geo+json");
    assert_eq!(ids(&serde_json::from_str(&floods).unwrap()).len(), 1);
    let (_, kind, catalogue) = get("catalogue.jsonld");
    assert_eq!(kind, "application/ld+json");
    // Every file that the catalogue names is there.
    let catalogue: Value = serde_json::from_str(&catalogue).unwrap();
    let files = catalogue["dcat:dataset"].as_array().unwrap().iter().flat_map(|set| set["dcat:distribution"].as_array().unwrap());
    let mut count = 0;
    for url in files.map(|file| file["dcat:downloadURL"]["@id"].as_str().unwrap()) {
        assert_eq!(center.get(path(&center, url)).0, 200, "{url}");
        count += 1;
    }
    assert_eq!(count, 6);
    assert_eq!(
        (get("incidents.csv").0, get("cameras.exe").0, get("areas").0),
        (404, 404, 404),
        "not for everybody, or not there"
    );
}
