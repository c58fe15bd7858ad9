//! `models eval`: how good models are on pictures whose truth is known.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context, anyhow, bail};
use clap::Args;
use image::GrayImage;
use matpho_infer::{Entry, Family, InferError, Model, Output, Provider, Registry, Runtime, SessionOptions, Tiling};
use matpho_media::{DecodePolicy, FileOptions, FileReader};
use matpho_scene::{Class, Detection, NormBox, Picture, PictureSize};

use super::{Failure, Progress};
use crate::{
    eval::{
        dataset::{Evaluation, Item, ItemWater, Pictures, Set, numbered},
        matching::Look,
        report::{Cost, Known, ModelSheet, Report, Seen, SeenWater, SetSheet},
        table,
        water::WaterLook,
    },
    evidence::jpeg,
    models,
};

/// Frames of clips are looked at at most this wide, as `analyze` does.
const WIDTH_MAX: u32 = 1280;

/// Pictures that are timed: enough for a median that does not tremble.
const TIMED: usize = 60;

#[derive(Debug, Args)]
pub struct EvalArgs {
    /// What the sets of the manifest know; `evaluation.toml` beside the registry where left out
    #[arg(long, value_name = "FILE")]
    sets: Option<PathBuf>,
    /// The list of pictures that models/training/prepare.py wrote; $MATPHO_WORK/manifest.jsonl where left out
    #[arg(long, value_name = "FILE")]
    manifest: Option<PathBuf>,
    /// Folder of the pictures; $MATPHO_DATA where left out
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Only these models, in this order; ID@2x2 runs a model on the whole picture and on 2 x 2 tiles
    #[arg(long = "model", value_delimiter = ',', value_name = "ID")]
    chosen: Vec<String>,
    /// Another registry whose models are judged too, such as one of public models
    #[arg(long = "registry", value_name = "FILE")]
    registries: Vec<PathBuf>,
    /// Only sets whose title has this in it
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// At most so many pictures a set, spread over it
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Weakest score that takes part in average precision
    #[arg(long, default_value_t = 0.01, value_name = "SCORE")]
    floor: f32,
    /// From this share of the road under water on a picture is flagged; the flood rule's default where left out
    #[arg(long, value_name = "SHARE")]
    flag: Option<f32>,
    /// Do not measure how long a picture takes
    #[arg(long)]
    no_timing: bool,
    /// Print one JSON document instead of tables
    #[arg(long)]
    json: bool,
}

pub fn eval(args: &EvalArgs, registry: &Registry) -> Result<(), Failure> {
    let beside = registry.path().parent().unwrap_or(Path::new("")).join("evaluation.toml");
    let evaluation = Evaluation::load(args.sets.as_deref().unwrap_or(&beside)).map_err(Failure::Usage)?;
    let manifest =
        args.manifest.clone().or_else(|| std::env::var_os("MATPHO_WORK").map(|work| Path::new(&work).join("manifest.jsonl")));
    let manifest = match manifest {
        Some(manifest) => manifest,
        None if evaluation.sets.is_empty() && evaluation.simulated.is_empty() => PathBuf::new(),
        None => {
            return Err(Failure::Usage(anyhow!("name the list of pictures with --manifest, or set MATPHO_WORK to its folder")));
        }
    };
    let data = args.data.clone().or_else(|| std::env::var_os("MATPHO_DATA").map(PathBuf::from));
    let data =
        data.ok_or_else(|| Failure::Usage(anyhow!("name the folder of the pictures with --data, or set MATPHO_DATA to it")))?;
    let (mut sets, absent) = evaluation.sets(&data, &manifest)?;
    absent.iter().for_each(|line| eprintln!("left out: {line}"));
    if let Some(only) = &args.only {
        sets.retain(|set| set.title.contains(only));
    }
    if let Some(limit) = args.limit {
        sets.iter_mut().for_each(|set| set.spread(limit));
    }
    if sets.is_empty() {
        return Err(Failure::Work(anyhow!("there is nothing to judge on: no set is left")));
    }
    let others = args
        .registries
        .iter()
        .map(|path| Registry::load(path))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|e| Failure::Usage(e.into()))?;
    let entries: Vec<&Entry> = std::iter::once(registry).chain(&others).flat_map(Registry::entries).collect();
    let runners = choose(&entries, &args.chosen).map_err(Failure::Usage)?;
    let runtime = Runtime::load(None).map_err(anyhow::Error::from)?;
    let mut bench = Bench { contestants: Vec::new(), timing: !args.no_timing, turn: 0, timed_each: timed_each(&sets) };
    for (entry, tiling) in runners {
        bench.contestants.push(Contestant::new(&runtime, entry, tiling, args.floor)?);
    }
    let flag = args.flag.unwrap_or_else(|| matpho_analytics::Params::default().flood.begin_share.get());
    let mut sheets = Vec::new();
    for set in &sets {
        sheets.push(bench.judge(set, flag)?);
    }
    let report = Report { models: bench.contestants.iter().map(Contestant::sheet).collect(), sets: sheets };
    if args.json {
        let text = serde_json::to_string_pretty(&report).map_err(anyhow::Error::from)?;
        println!("{text}");
    } else {
        print!("{}", table::print(&report));
    }
    Ok(())
}

/// The models asked for, or all whose file is there.
fn choose<'e>(entries: &[&'e Entry], chosen: &[String]) -> anyhow::Result<Vec<(&'e Entry, Option<Tiling>)>> {
    if chosen.is_empty() {
        let here = entries.iter().filter(|entry| match entry.verify() {
            Err(InferError::ReadModel { .. }) => {
                eprintln!("left out: {}: its file is not here (`matpho-edge models pull {}`)", entry.id, entry.id);
                false
            }
            _ => true,
        });
        return Ok(here.map(|entry| (*entry, None)).collect());
    }
    chosen
        .iter()
        .map(|text| {
            let (id, tiles) = text.split_once('@').map_or((text.as_str(), None), |(id, tiles)| (id, Some(tiles)));
            let entry = entries.iter().find(|entry| entry.id.as_str() == id);
            let known = || entries.iter().map(|entry| entry.id.as_str()).collect::<Vec<_>>().join(", ");
            let entry = entry.with_context(|| format!("no registry here has a model `{id}`; there are {}", known()))?;
            let tiling = match tiles {
                None => None,
                Some(tiles) => {
                    Some(models::tiling(tiles).with_context(|| format!("`{text}`: expected tiles as COLSxROWS, such as 2x2"))?)
                }
            };
            Ok((*entry, tiling))
        })
        .collect()
}

/// Every so manieth picture is timed.
fn timed_each(sets: &[Set]) -> usize {
    let files = |set: &Set| match &set.pictures {
        Pictures::Files(items) => items.len(),
        Pictures::Clips { files, .. } => files.len() * 10,
    };
    sets.iter().map(files).sum::<usize>().div_ceil(TIMED).max(1)
}

/// One model that is judged: once with every weak box for average precision, once as shipped for the time it takes.
struct Contestant {
    name: String,
    weak: Model,
    shipped: Model,
    tiling: Option<Tiling>,
    /// What it tells apart, with the shipped thresholds; none for a mask of water.
    thresholds: BTreeMap<Class, f32>,
    spent: Vec<(Duration, Duration)>,
}

impl Contestant {
    fn new(runtime: &Runtime, entry: &Entry, tiling: Option<Tiling>, floor: f32) -> anyhow::Result<Self> {
        if entry.family == Family::Classify {
            bail!("{}: models of the family classify are not judged here", entry.id);
        }
        let options = SessionOptions { provider: Provider::Cpu, threads: 1, ..SessionOptions::default() };
        let weak = SessionOptions { score_floor: Some(floor), ..options.clone() };
        Ok(Self {
            name: tiling.map_or(entry.id.to_string(), |tiling| format!("{}@{}x{}", entry.id, tiling.cols, tiling.rows)),
            weak: Model::open(runtime, entry, &weak)?,
            shipped: Model::open(runtime, entry, &options)?,
            tiling,
            thresholds: entry.class_thresholds(),
            spent: Vec::new(),
        })
    }

    fn segments(&self) -> bool {
        self.weak.entry().family == Family::Segment
    }

    fn run(model: &mut Model, tiling: Option<Tiling>, picture: &Picture) -> Result<Output, InferError> {
        match tiling {
            None => model.run(picture),
            Some(tiling) => model.run_tiled(picture, tiling),
        }
    }

    fn time(&mut self, picture: &Picture) -> Result<(), InferError> {
        let (before, began) = (self.shipped.stats().network, Instant::now());
        Self::run(&mut self.shipped, self.tiling, picture)?;
        self.spent.push((began.elapsed(), self.shipped.stats().network.saturating_sub(before)));
        Ok(())
    }

    fn sheet(&self) -> ModelSheet {
        let entry = self.weak.entry();
        let at = |pick: fn(&(Duration, Duration)) -> Duration, share: f64| {
            let mut all: Vec<f64> = self.spent.iter().map(|spent| pick(spent).as_secs_f64() * 1e3).collect();
            all.sort_by(f64::total_cmp);
            all.get(((all.len().max(1) - 1) as f64 * share).round() as usize).copied().unwrap_or_default()
        };
        ModelSheet {
            model: self.name.clone(),
            sha256: entry.sha256.clone(),
            input: entry.input.size.to_string(),
            licence: entry.licence.clone(),
            thresholds: entry.thresholds.clone(),
            cost: (!self.spent.is_empty()).then(|| Cost {
                pictures: self.spent.len(),
                median_ms: at(|spent| spent.0, 0.5),
                p90_ms: at(|spent| spent.0, 0.9),
                network_median_ms: at(|spent| spent.1, 0.5),
            }),
        }
    }
}

/// All models, which look at each picture in turn: whatever else the machine does hits all alike.
struct Bench {
    contestants: Vec<Contestant>,
    timing: bool,
    turn: usize,
    timed_each: usize,
}

/// One picture with its truth, cut to its scenery.
struct Case {
    picture: Picture,
    scene: String,
    truth: Vec<(Class, NormBox)>,
    doubtful: Vec<NormBox>,
    /// Whether it is flooded, where known.
    flooded: Option<bool>,
    /// Where water is drawn.
    drawn: Option<GrayImage>,
}

/// What all models found in a set so far.
struct Course<'s> {
    set: &'s Set,
    scenes: Vec<String>,
    seen: Vec<(usize, Seen)>,
    water: Vec<(usize, SeenWater)>,
}

impl Bench {
    fn judge(&mut self, set: &Set, flag: f32) -> anyhow::Result<SetSheet> {
        let asks = |contestant: &Contestant| {
            !contestant.segments() && set.judged.iter().chain(&set.absent).any(|class| contestant.thresholds.contains_key(class))
        };
        let mut course = Course { set, scenes: Vec::new(), seen: Vec::new(), water: Vec::new() };
        for (n, contestant) in self.contestants.iter().enumerate() {
            let model = contestant.name.clone();
            if contestant.segments() && set.knows_water() {
                course.water.push((n, SeenWater { model, looks: Vec::new() }));
            } else if asks(contestant) {
                course.seen.push((n, Seen { model, thresholds: contestant.thresholds.clone(), looks: Vec::new() }));
            }
        }
        let mut progress = Progress::new();
        match &set.pictures {
            Pictures::Files(items) => {
                for (n, item) in items.iter().enumerate() {
                    progress.show(|| format!("{}: {n} of {}", set.title, items.len()));
                    match case(item) {
                        Ok(case) => self.look(case, &mut course)?,
                        // One broken file of hundreds is worth a word; a set of which nothing can be read is a wrong folder.
                        Err(error) if course.scenes.is_empty() && n + 1 == items.len() => return Err(error),
                        Err(error) => eprintln!("left out: {error:#}"),
                    }
                }
            }
            Pictures::Clips { files, every_s, dry } => {
                for file in files {
                    progress.show(|| format!("{}: {}", set.title, file.display()));
                    let options = FileOptions::new(DecodePolicy::AtMost { fps: 1.0 / every_s }, WIDTH_MAX);
                    for frame in FileReader::open(file, &options)? {
                        let case = Case {
                            picture: frame?.picture,
                            scene: file.display().to_string(),
                            truth: Vec::new(),
                            doubtful: Vec::new(),
                            flooded: dry.then_some(false),
                            drawn: None,
                        };
                        self.look(case, &mut course)?;
                    }
                }
            }
        }
        progress.clear();
        let scene = numbered(course.scenes.iter().map(String::as_str));
        let known = Known { judged: set.judged.clone(), absent: set.absent.clone() };
        let seen: Vec<Seen> = course.seen.into_iter().map(|(_, seen)| seen).collect();
        let water: Vec<SeenWater> = course.water.into_iter().map(|(_, seen)| seen).collect();
        Ok(SetSheet::new(set.title.clone(), &scene, &known, &seen, &water, flag))
    }

    fn look(&mut self, case: Case, course: &mut Course<'_>) -> anyhow::Result<()> {
        self.turn += 1;
        let timed = self.timing && self.turn.is_multiple_of(self.timed_each);
        for (n, seen) in &mut course.seen {
            let found = self.contestants[*n].find(&case.picture, timed)?;
            let (truth, doubtful) = (case.truth.clone(), case.doubtful.clone());
            seen.looks.push(Look { size: case.picture.size(), truth, doubtful, found });
        }
        for (n, seen) in &mut course.water {
            let contestant = &mut self.contestants[*n];
            let look = contestant.water(&case, course.set, timed)?;
            seen.looks.push((case.flooded, look));
        }
        course.scenes.push(case.scene);
        Ok(())
    }
}

impl Contestant {
    fn find(&mut self, picture: &Picture, timed: bool) -> anyhow::Result<Vec<Detection>> {
        if timed {
            self.time(picture)?;
        }
        match Self::run(&mut self.weak, self.tiling, picture)? {
            Output::Detections(found) => Ok(found),
            Output::Labels(_) | Output::Mask(_) => Err(anyhow!("{} gives no boxes", self.name)),
        }
    }

    fn water(&mut self, case: &Case, set: &Set, timed: bool) -> anyhow::Result<WaterLook> {
        if timed {
            self.time(&case.picture)?;
        }
        let threshold = self.weak.entry().thresholds.get("water").copied().unwrap_or(0.5);
        match self.weak.run(&case.picture)? {
            Output::Mask(mask) => Ok(WaterLook::new(&mask, threshold, &set.zone, case.drawn.as_ref())),
            Output::Detections(_) | Output::Labels(_) => Err(anyhow!("{} gives no mask", self.name)),
        }
    }
}

/// Reads a picture and cuts it, its boxes and its mask to the scenery.
fn case(item: &Item) -> anyhow::Result<Case> {
    let whole = jpeg::read(&item.file)?;
    let size = whole.size();
    let content = item.content.unwrap_or([0, 0, size.width, size.height]);
    let [x1, y1, x2, y2] = content.map(|side| side as f32);
    let (w, h) = (size.width as f32, size.height as f32);
    let cut = |[l, t, r, b]: [f32; 4]| {
        NormBox::clipped((l * w - x1) / (x2 - x1), (t * h - y1) / (y2 - y1), (r * w - x1) / (x2 - x1), (b * h - y1) / (y2 - y1))
    };
    let picture = crop(&whole, content).with_context(|| format!("{}: its content lies outside of it", item.file.display()))?;
    let drawn = match &item.water {
        ItemWater::Drawn(path) => {
            let mask = image::open(path).with_context(|| format!("cannot read the mask {}", path.display()))?.into_luma8();
            Some(mask)
        }
        ItemWater::Dry => Some(GrayImage::new(1, 1)),
        ItemWater::Unknown | ItemWater::Flooded => None,
    };
    Ok(Case {
        picture,
        scene: item.scene.clone(),
        truth: item.boxes.iter().filter_map(|&(class, bbox)| cut(bbox).map(|bbox| (class, bbox))).collect(),
        doubtful: item.doubtful.iter().filter_map(|&bbox| cut(bbox)).collect(),
        flooded: match item.water {
            ItemWater::Flooded => Some(true),
            ItemWater::Dry => Some(false),
            ItemWater::Drawn(_) | ItemWater::Unknown => None,
        },
        drawn,
    })
}

fn crop(picture: &Picture, [x1, y1, x2, y2]: [u32; 4]) -> Option<Picture> {
    let size = picture.size();
    if [x1, y1, x2, y2] == [0, 0, size.width, size.height] {
        return Some(picture.clone());
    }
    if !(x1 < x2 && y1 < y2 && x2 <= size.width && y2 <= size.height) {
        return None;
    }
    let rgb = (y1..y2).flat_map(|y| picture.row(y)[x1 as usize * 3..x2 as usize * 3].iter().copied()).collect();
    Picture::from_rgb(PictureSize { width: x2 - x1, height: y2 - y1 }, rgb).ok()
}
