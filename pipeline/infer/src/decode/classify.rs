//! Classification of a whole picture: `[C]`, probabilities or logits.

use matpho_scene::Score;

/// How far a probability may lie outside 0 to 1 by rounding.
const ROUNDING: f32 = 1e-3;

/// All classes by name, best first. `decoded`: the values are probabilities; logits go through softmax.
pub fn decode(output: &[f32], decoded: bool, names: &[String]) -> Result<Vec<(String, Score)>, String> {
    let mut labels: Vec<_> = if decoded {
        if let Some(odd) = output.iter().find(|value| !(-ROUNDING..=1.0 + ROUNDING).contains(*value)) {
            return Err(format!("{odd} is no probability; set `output.decoded = false` where the outputs are logits"));
        }
        names.iter().cloned().zip(output.iter().map(|&value| Score::clamped(value))).collect()
    } else {
        names.iter().cloned().zip(softmax(output).map(Score::clamped)).collect()
    };
    labels.sort_by(|(_, a), (_, b)| b.get().total_cmp(&a.get()));
    Ok(labels)
}

/// Logits to probabilities that add up to 1.
pub fn softmax(logits: &[f32]) -> impl Iterator<Item = f32> + '_ {
    let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f32 = logits.iter().map(|logit| (logit - most).exp()).sum();
    logits.iter().map(move |logit| (logit - most).exp() / sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Vec<String> {
        ["dry", "wet"].map(str::to_owned).to_vec()
    }

    #[test]
    fn best_first() {
        let labels = decode(&[0.25, 0.75], true, &names()).unwrap();
        assert_eq!(labels, [("wet".to_owned(), Score::clamped(0.75)), ("dry".to_owned(), Score::clamped(0.25))]);
        let labels = decode(&[3f32.ln(), 0.0], false, &names()).unwrap();
        assert_eq!(labels[0].0, "dry");
        assert!((labels[0].1.get() - 0.75).abs() < 1e-6);
    }

    #[test]
    fn logits_are_not_taken_for_probabilities() {
        let error = decode(&[4.5, -2.0], true, &names()).unwrap_err();
        assert_eq!(error, "4.5 is no probability; set `output.decoded = false` where the outputs are logits");
        assert!(decode(&[f32::NAN, 0.0], true, &names()).is_err());
    }
}
