//! Which pictures there are and what is true of them.
//!
//! Two files say it. The *manifest* (JSON lines, as `models/training/prepare.py` writes it) lists pictures with their scene and whether they were
//! trained on. The *evaluation* (`models/evaluation.toml`) says what each set of the manifest knows: which classes are labelled, which are certainly
//! absent, where water is drawn; and names folders of simulated streets and of clips.
//!
//! **Invariant:** what a set does not know is not asked of it: an unlabelled class is neither present nor absent.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, anyhow, bail};
use matpho_scene::{Class, Polygon};
use serde::Deserialize;

/// What the sets of a manifest know, and what else there is to look at.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evaluation {
    /// Sets of the manifest.
    #[serde(default, rename = "set")]
    pub sets: Vec<SetOf>,
    /// Folders that `matpho-sim frames` wrote.
    #[serde(default)]
    pub simulated: Vec<Simulated>,
    /// Folders of videos.
    #[serde(default)]
    pub clips: Vec<Clips>,
}

/// Pictures of the manifest.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetOf {
    /// The sets' names in the manifest.
    pub name: Vec<String>,
    /// What the tables call them.
    pub title: String,
    /// Which splits; only what is held back can be judged on.
    pub split: Vec<String>,
    /// Only pictures whose path has this in it.
    #[serde(default)]
    pub path_has: String,
    /// Classes by their number in the label files beside the pictures; empty where there are none.
    #[serde(default)]
    pub labels: Vec<Class>,
    /// Of these, the ones whose labels are complete enough to judge by; all where left out.
    pub judged: Option<Vec<Class>>,
    /// What these pictures certainly do not show: whatever is said of it is false.
    #[serde(default)]
    pub without: Vec<Absent>,
    /// What is known about water.
    #[serde(default)]
    pub water: WaterTruth,
    /// Where the road is, for the share under water; the whole picture where left out.
    #[serde(default = "Polygon::whole_picture")]
    pub zone: Polygon,
    /// Cut away black bars that an earlier owner put around the picture: a camera has none.
    #[serde(default = "yes")]
    pub crop: bool,
}

/// What is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Absent {
    /// A class of boxes.
    Class(Class),
    /// Standing water.
    Water,
}

impl TryFrom<String> for Absent {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        match text.as_str() {
            "water" => Ok(Self::Water),
            other => other.parse().map(Self::Class).map_err(|_| format!("`{other}` is neither a class nor water")),
        }
    }
}

/// What a set knows about water.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WaterTruth {
    /// Nothing.
    #[default]
    Unknown,
    /// `../masks/<name>.png` beside the folder of pictures is white where water is.
    Masks,
    /// Every picture shows a flooded street; nobody drew where.
    Flooded,
}

/// A folder of simulated streets with their exact truth.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Simulated {
    /// What the tables call them.
    pub title: String,
    /// The folder with `truth.jsonl`, relative to the manifest's.
    pub folder: PathBuf,
}

/// A folder of videos, of which frames are taken.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Clips {
    /// What the tables call them.
    pub title: String,
    /// The folder, relative to the data's.
    pub folder: PathBuf,
    /// Seconds from one frame to the next.
    pub every_s: f64,
    /// What they certainly do not show.
    pub without: Vec<Absent>,
    /// Where the road is.
    #[serde(default = "Polygon::whole_picture")]
    pub zone: Polygon,
}

fn yes() -> bool {
    true
}

/// Pictures that are told of together, ready to be looked at.
#[derive(Debug, Clone)]
pub struct Set {
    /// What the tables call them.
    pub title: String,
    /// Classes whose boxes are labelled and judged.
    pub judged: Vec<Class>,
    /// Classes that are certainly absent.
    pub absent: Vec<Class>,
    /// Where the road is.
    pub zone: Polygon,
    /// Where the pictures come from.
    pub pictures: Pictures,
}

/// Where pictures come from.
#[derive(Debug, Clone)]
pub enum Pictures {
    /// Files.
    Files(Vec<Item>),
    /// Frames of videos; each video is a scene.
    Clips {
        /// The videos.
        files: Vec<PathBuf>,
        /// Seconds from one frame to the next.
        every_s: f64,
        /// They certainly show no water.
        dry: bool,
    },
}

/// One picture and what is true of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// The file.
    pub file: PathBuf,
    /// Which scene it shows.
    pub scene: String,
    /// The part that is scenery: left, top, right, bottom in pixels.
    pub content: Option<[u32; 4]>,
    /// Boxes as shares of the file's width and height: left, top, right, bottom. Not cut to the content yet.
    pub boxes: Vec<(Class, [f32; 4])>,
    /// Boxes of what is too small or too hidden to be asked for.
    pub doubtful: Vec<[f32; 4]>,
    /// What is known about water.
    pub water: ItemWater,
}

/// What is known about water in one picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ItemWater {
    /// Nothing.
    Unknown,
    /// It is white in this picture.
    Drawn(PathBuf),
    /// It is there, nobody drew where.
    Flooded,
    /// There is none.
    Dry,
}

impl Evaluation {
    /// Reads the file.
    pub fn load(path: &Path) -> anyhow::Result<Self> {
        let text = fs::read_to_string(path).with_context(|| format!("cannot read the evaluation {}", path.display()))?;
        Self::parse(&text).with_context(|| format!("the evaluation {} is wrong", path.display()))
    }

    fn parse(text: &str) -> anyhow::Result<Self> {
        let source = toml::Deserializer::parse(text)?;
        let evaluation: Self = serde_path_to_error::deserialize(source).map_err(|e| anyhow!("{}: {}", e.path(), e.inner()))?;
        for clips in &evaluation.clips {
            if !(clips.every_s.is_finite() && clips.every_s > 0.0) {
                bail!("clips `{}`: every_s {} is no number of seconds above 0", clips.title, clips.every_s);
            }
        }
        for set in &evaluation.sets {
            if let Some(class) = set.judged.iter().flatten().find(|class| !set.labels.contains(class)) {
                bail!("set `{}`: judged names {class}, which labels does not", set.title);
            }
        }
        Ok(evaluation)
    }

    /// The sets with their pictures. `data` holds the pictures, `manifest` lists them. What is not there is left out and told.
    pub fn sets(&self, data: &Path, manifest: &Path) -> anyhow::Result<(Vec<Set>, Vec<String>)> {
        let rows = if self.sets.is_empty() { Vec::new() } else { read_manifest(manifest)? };
        let (mut sets, mut absent) = (Vec::new(), Vec::new());
        for set in &self.sets {
            let items = set.items(&rows, data)?;
            if items.is_empty() {
                absent.push(format!("{}: the manifest lists no such picture", set.title));
                continue;
            }
            sets.push(Set {
                title: set.title.clone(),
                judged: set.judged().to_vec(),
                absent: classes(&set.without),
                zone: set.zone.clone(),
                pictures: Pictures::Files(items),
            });
        }
        for simulated in &self.simulated {
            let folder = manifest.parent().unwrap_or(Path::new("")).join(&simulated.folder);
            if !folder.join(TRUTH).is_file() {
                absent.push(format!("{}: there is no {}", simulated.title, folder.join(TRUTH).display()));
                continue;
            }
            sets.push(Set {
                title: simulated.title.clone(),
                judged: Class::ALL.to_vec(),
                absent: Vec::new(),
                zone: Polygon::whole_picture(),
                pictures: Pictures::Files(read_simulated(&folder)?),
            });
        }
        for clips in &self.clips {
            let files = videos(&data.join(&clips.folder));
            if files.is_empty() {
                absent.push(format!("{}: {} holds no videos", clips.title, data.join(&clips.folder).display()));
                continue;
            }
            let dry = clips.without.contains(&Absent::Water);
            sets.push(Set {
                title: clips.title.clone(),
                judged: Vec::new(),
                absent: classes(&clips.without),
                zone: clips.zone.clone(),
                pictures: Pictures::Clips { files, every_s: clips.every_s, dry },
            });
        }
        Ok((sets, absent))
    }
}

impl Set {
    /// Whether anything is known about water.
    pub fn knows_water(&self) -> bool {
        match &self.pictures {
            Pictures::Files(items) => items.iter().any(|item| item.water != ItemWater::Unknown),
            Pictures::Clips { dry, .. } => *dry,
        }
    }

    /// Keeps at most `limit` files, evenly spread over the set; clips are kept whole.
    pub fn spread(&mut self, limit: usize) {
        if let Pictures::Files(items) = &mut self.pictures
            && items.len() > limit
        {
            let (all, step) = (std::mem::take(items), limit.max(1));
            let len = all.len();
            let mut n = 0;
            items.extend(all.into_iter().filter(|_| {
                n += 1;
                n * step / len > (n - 1) * step / len
            }));
        }
    }
}

fn classes(absent: &[Absent]) -> Vec<Class> {
    let class = |absent: &Absent| match absent {
        Absent::Class(class) => Some(*class),
        Absent::Water => None,
    };
    absent.iter().filter_map(class).collect()
}

impl SetOf {
    fn judged(&self) -> &[Class] {
        self.judged.as_deref().unwrap_or(&self.labels)
    }

    fn items(&self, rows: &[Row], data: &Path) -> anyhow::Result<Vec<Item>> {
        let ours =
            |row: &&Row| self.name.contains(&row.set) && self.split.contains(&row.split) && row.path.contains(&self.path_has);
        rows.iter().filter(ours).map(|row| self.item(row, data)).collect()
    }

    fn item(&self, row: &Row, data: &Path) -> anyhow::Result<Item> {
        let file = data.join(&row.path);
        let water = match self.water {
            _ if self.without.contains(&Absent::Water) => ItemWater::Dry,
            WaterTruth::Unknown => ItemWater::Unknown,
            WaterTruth::Flooded => ItemWater::Flooded,
            WaterTruth::Masks => ItemWater::Drawn(mask_of(&file)),
        };
        Ok(Item {
            boxes: if self.labels.is_empty() { Vec::new() } else { read_labels(&file.with_extension("txt"), &self.labels)? },
            scene: if row.group.is_empty() { row.path.clone() } else { row.group.clone() },
            content: row.content.filter(|_| self.crop),
            doubtful: Vec::new(),
            file,
            water,
        })
    }
}

fn mask_of(picture: &Path) -> PathBuf {
    let name = Path::new(picture.file_name().unwrap_or_default()).with_extension("png");
    picture.parent().and_then(Path::parent).unwrap_or(Path::new("")).join("masks").join(name)
}

/// A line of the manifest; it says more than is needed here.
#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Row {
    set: String,
    path: String,
    split: String,
    #[serde(default)]
    group: String,
    content: Option<[u32; 4]>,
}

fn read_manifest(path: &Path) -> anyhow::Result<Vec<Row>> {
    json_lines(path).with_context(|| {
        format!("cannot read the manifest {}: models/training/prepare.py writes it, its README says how", path.display())
    })
}

fn json_lines<T: serde::de::DeserializeOwned>(path: &Path) -> anyhow::Result<Vec<T>> {
    let text = fs::read_to_string(path)?;
    let line = |(n, line): (usize, &str)| {
        serde_json::from_str(line).with_context(|| format!("{}:{}: this line is not what it should be", path.display(), n + 1))
    };
    text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()).map(line).collect()
}

/// YOLO text: `class cx cy w h` a line, shares of the picture. No file is no box.
fn read_labels(path: &Path, classes: &[Class]) -> anyhow::Result<Vec<(Class, [f32; 4])>> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    };
    let parse = |line: &str| -> Option<(Class, [f32; 4])> {
        let numbers: Vec<f32> = line.split_whitespace().take(5).map(str::parse).collect::<Result<_, _>>().ok()?;
        let &[class, x, y, w, h] = numbers.as_slice() else { return None };
        let class = *classes.get(class as usize).filter(|_| class >= 0.0 && class.fract() == 0.0)?;
        let all = [x - w / 2.0, y - h / 2.0, x + w / 2.0, y + h / 2.0];
        all.iter().all(|v| v.is_finite()).then_some((class, all))
    };
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(n, line)| {
            parse(line).with_context(|| {
                format!(
                    "{}:{}: `{line}` is no label: expected class (0 to {}) cx cy w h",
                    path.display(),
                    n + 1,
                    classes.len() - 1
                )
            })
        })
        .collect()
}

/// A folder of simulated frames says what it shows in this file.
const TRUTH: &str = "truth.jsonl";

/// Of a road user at least this share must be seen for its box to be asked for (as in `models/training/sim.py`).
const VISIBLE_MIN: f32 = 0.35;
/// And its smaller side must have this many pixels of a picture 960 wide.
const SIDE_MIN_PX: f32 = 7.0;
/// A flame or a wisp of smoke smaller than this is not asked for.
const FLAME_MIN_PX: f32 = 6.0;

#[derive(Debug, Deserialize)]
struct SimulatedRow {
    image: PathBuf,
    width: f32,
    height: f32,
    boxes: Vec<SimulatedBox>,
    states: States,
    water_mask: Option<PathBuf>,
}

#[derive(Debug, Deserialize)]
struct SimulatedBox {
    class: Class,
    #[serde(rename = "box")]
    corners: [f32; 4],
    visible: f32,
}

#[derive(Debug, Deserialize)]
struct States {
    #[serde(default)]
    fire: Vec<[f32; 4]>,
    #[serde(default)]
    smoke: Vec<[f32; 4]>,
    #[serde(default)]
    water_share: f32,
}

fn read_simulated(folder: &Path) -> anyhow::Result<Vec<Item>> {
    let rows: Vec<SimulatedRow> =
        json_lines(&folder.join(TRUTH)).with_context(|| format!("cannot read {}", folder.join(TRUTH).display()))?;
    let item = |row: SimulatedRow| {
        let share = |[x1, y1, x2, y2]: [f32; 4]| [x1 / row.width, y1 / row.height, x2 / row.width, y2 / row.height];
        let side = |[x1, y1, x2, y2]: [f32; 4]| (x2 - x1).min(y2 - y1);
        let (mut boxes, mut doubtful) = (Vec::new(), Vec::new());
        for user in &row.boxes {
            let clear = user.visible >= VISIBLE_MIN && side(user.corners) * 960.0 / row.width >= SIDE_MIN_PX;
            if clear { boxes.push((user.class, share(user.corners))) } else { doubtful.push(share(user.corners)) }
        }
        for (class, all) in [(Class::Fire, &row.states.fire), (Class::Smoke, &row.states.smoke)] {
            let (clear, small): (Vec<[f32; 4]>, Vec<[f32; 4]>) = all.iter().partition(|corners| side(**corners) >= FLAME_MIN_PX);
            boxes.extend(clear.into_iter().map(|corners| (class, share(corners))));
            doubtful.extend(small.into_iter().map(share));
        }
        let water = match &row.water_mask {
            Some(mask) if row.states.water_share > 0.0 => ItemWater::Drawn(folder.join(mask)),
            _ => ItemWater::Dry,
        };
        // Frames of one street and seed follow each other: `calm-v9001_000002.jpg` belongs to `calm-v9001`.
        let name = row.image.file_stem().unwrap_or_default().to_string_lossy();
        let scene = name.rsplit_once('_').map_or(name.as_ref(), |(street, _)| street).to_owned();
        Item { file: folder.join(&row.image), scene, content: None, boxes, doubtful, water }
    };
    Ok(rows.into_iter().map(item).collect())
}

fn videos(folder: &Path) -> Vec<PathBuf> {
    let known = |path: &PathBuf| {
        let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default().to_ascii_lowercase();
        ["mp4", "avi", "mov", "mkv", "webm", "ts", "flv"].contains(&extension.as_str())
    };
    let mut files: Vec<_> =
        fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).filter(known).collect();
    files.sort();
    files
}

/// Numbers for names: pictures of one scene have one number.
pub fn numbered<'a>(scenes: impl IntoIterator<Item = &'a str>) -> Vec<usize> {
    let mut numbers = BTreeMap::new();
    scenes
        .into_iter()
        .map(|scene| {
            let next = numbers.len();
            *numbers.entry(scene.to_owned()).or_insert(next)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_evaluation_is_right() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/evaluation.toml");
        let evaluation = Evaluation::load(&path).unwrap();
        assert!(
            evaluation.sets.iter().all(|set| set.split.iter().all(|split| split.starts_with("held"))),
            "nobody is judged on training pictures"
        );
    }

    #[test]
    fn a_wrong_evaluation_says_where() {
        for (text, words) in [
            ("[[set]]\nname = [\"a\"]\ntitle = \"A\"\nsplit = [\"held\"]\nlabels = [\"carr\"]", "set[0].labels[0]"),
            (
                "[[set]]\nname = [\"a\"]\ntitle = \"A\"\nsplit = [\"held\"]\nwithout = [\"fog\"]",
                "`fog` is neither a class nor water",
            ),
            (
                "[[set]]\nname = [\"a\"]\ntitle = \"A\"\nsplit = [\"held\"]\nlabels = [\"car\"]\njudged = [\"bus\"]",
                "judged names bus",
            ),
            ("[[clips]]\ntitle = \"A\"\nfolder = \"c\"\nevery_s = 0\nwithout = []", "above 0"),
            ("[[sets]]\n", "sets"),
        ] {
            let error = format!("{:#}", Evaluation::parse(text).unwrap_err());
            assert!(error.contains(words), "{words}: {error}");
        }
    }

    #[test]
    fn a_manifest_s_pictures_with_what_their_set_knows() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a.txt"), "1 0.5 0.5 0.2 0.4\n\n0 0.1 0.1 0.2 0.2\n").unwrap();
        fs::write(
            dir.path().join("manifest.jsonl"),
            concat!(
                "{\"set\":\"s\",\"path\":\"a.jpg\",\"split\":\"held\",\"group\":\"s-1\",\"content\":[2,0,10,10],\"sha256\":\"x\"}\n",
                "{\"set\":\"s\",\"path\":\"b.jpg\",\"split\":\"train\",\"group\":\"s-2\"}\n",
                "{\"set\":\"t\",\"path\":\"images/c.jpg\",\"split\":\"held\"}\n",
            ),
        )
        .unwrap();
        let evaluation = Evaluation::parse(
            "[[set]]\nname = [\"s\"]\ntitle = \"S\"\nsplit = [\"held\"]\nlabels = [\"person\", \"car\"]\njudged = [\"car\"]\nwithout = [\"fire\", \"water\"]\n\
             [[set]]\nname = [\"t\"]\ntitle = \"T\"\nsplit = [\"held\"]\nwater = \"masks\"\n\
             [[set]]\nname = [\"u\"]\ntitle = \"U\"\nsplit = [\"held\"]\n[[simulated]]\ntitle = \"V\"\nfolder = \"v\"",
        )
        .unwrap();
        let (sets, absent) = evaluation.sets(dir.path(), &dir.path().join("manifest.jsonl")).unwrap();
        assert_eq!(absent.len(), 2, "{absent:?}");
        let items: Vec<_> = sets
            .iter()
            .map(|set| match &set.pictures {
                Pictures::Files(items) => items.clone(),
                Pictures::Clips { .. } => unreachable!(),
            })
            .collect();
        assert_eq!((sets[0].judged.as_slice(), sets[0].absent.as_slice()), (&[Class::Car][..], &[Class::Fire][..]));
        assert_eq!(items[0].len(), 1, "what was trained on is left out");
        assert_eq!(items[0][0].content, Some([2, 0, 10, 10]));
        assert_eq!(items[0][0].boxes[0], (Class::Car, [0.4, 0.3, 0.6, 0.7]));
        assert_eq!(items[0][0].water, ItemWater::Dry);
        assert_eq!(items[1][0].water, ItemWater::Drawn(dir.path().join("masks/c.png")));

        fs::write(dir.path().join("a.txt"), "1 0.5 0.5 0.2 0.4\n2 0.1 0.1 0.2 0.2\n").unwrap();
        let error = format!("{:#}", evaluation.sets(dir.path(), &dir.path().join("manifest.jsonl")).unwrap_err());
        assert!(error.contains("a.txt:2: `2 0.1 0.1 0.2 0.2` is no label: expected class (0 to 1)"), "{error}");
    }

    #[test]
    fn simulated_frames_with_what_is_too_small_set_apart() {
        let dir = tempfile::tempdir().unwrap();
        let row = r#"{"image":"calm-v1_000003.jpg","width":960,"height":540,"boxes":[
            {"class":"car","box":[0,0,96,54],"visible":0.9},{"class":"car","box":[0,0,96,54],"visible":0.2},{"class":"person","box":[0,0,5,40],"visible":1}],
            "states":{"fire":[[0,0,96,54]],"smoke":[[0,0,5,5]],"water_share":0.1},"water_mask":"m.png","seed":3}"#;
        fs::write(dir.path().join(TRUTH), row.replace('\n', "")).unwrap();
        let items = read_simulated(dir.path()).unwrap();
        assert_eq!(items[0].scene, "calm-v1");
        assert_eq!(items[0].boxes, [(Class::Car, [0.0, 0.0, 0.1, 0.1]), (Class::Fire, [0.0, 0.0, 0.1, 0.1])]);
        assert_eq!(items[0].doubtful.len(), 3);
        assert_eq!(items[0].water, ItemWater::Drawn(dir.path().join("m.png")));
    }

    #[test]
    fn scenes_are_numbered_in_their_order() {
        assert_eq!(numbered(["b", "a", "b", "c"]), [0, 1, 0, 2]);
    }
}
