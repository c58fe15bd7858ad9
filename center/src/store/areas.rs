//! Areas and their successors. They are kept and read as a whole: what makes a tree sound is a matter of all of them.

use jiff::civil::Date;

use super::{Store, StoreError, Tx, db, execute, fetch_all, from_json, json, places::Edition, to};
use crate::area::{Area, AreaId, AreaTree, MultiPolygon, Position, Successor, Validity};

#[derive(sqlx::FromRow)]
struct AreaRow {
    id: String,
    valid_from: String,
    valid_to: Option<String>,
    kind: String,
    name: String,
    parent: Option<String>,
    border: Option<String>,
}

/// What is kept was sound when it was written: whoever changed it did so by other means.
fn unsound(what: impl std::fmt::Display) -> StoreError {
    StoreError::Areas(what.to_string())
}

impl AreaRow {
    fn into_area(self) -> Result<Area, StoreError> {
        let day = |text: &str| text.parse::<Date>().map_err(unsound);
        let border = match self.border {
            None => None,
            Some(text) => {
                let polygons: Vec<Vec<Vec<Position>>> = from_json("border", &text)?;
                Some(MultiPolygon::new(polygons).map_err(|error| unsound(format!("{}: {error}", self.id)))?)
            }
        };
        Ok(Area {
            id: self.id.parse::<AreaId>().map_err(unsound)?,
            kind: self.kind,
            name: self.name,
            parent: self.parent.map(|parent| parent.parse::<AreaId>().map_err(unsound)).transpose()?,
            validity: Validity { from: day(&self.valid_from)?, to: self.valid_to.as_deref().map(day).transpose()? },
            border,
        })
    }
}

impl Store {
    /// All areas.
    pub async fn areas(&self) -> Result<AreaTree, StoreError> {
        read(&mut self.snapshot().await?).await
    }
}

/// All areas, as a transaction sees them.
pub(super) async fn read(tx: &mut db::Open) -> Result<AreaTree, StoreError> {
    let rows: Vec<AreaRow> = fetch_all!(
        tx.db(),
        sqlx::query_as("SELECT id, valid_from, valid_to, kind, name, parent, border FROM areas ORDER BY id, valid_from")
    )
    .map_err(to("list areas"))?;
    let successors: Vec<(String, String, f64)> = fetch_all!(
        tx.db(),
        sqlx::query_as("SELECT predecessor, successor, share FROM area_successors ORDER BY predecessor, successor")
    )
    .map_err(to("list areas' successors"))?;
    let successor = |(old, new, share): (String, String, f64)| {
        Ok(Successor { old: old.parse::<AreaId>().map_err(unsound)?, new: new.parse::<AreaId>().map_err(unsound)?, share })
    };
    let areas = rows.into_iter().map(AreaRow::into_area).collect::<Result<_, _>>()?;
    let successors = successors.into_iter().map(successor).collect::<Result<_, StoreError>>()?;
    AreaTree::build(areas, successors).map_err(|faults| {
        let said: Vec<_> = faults.into_iter().map(|fault| fault.what).collect();
        unsound(said.join("; "))
    })
}

impl Tx {
    /// Puts these areas in the place of all that are there.
    pub async fn put_areas(&mut self, tree: &AreaTree) -> Result<(), StoreError> {
        let doing = "store areas";
        execute!(self.db(), sqlx::query("DELETE FROM areas")).map_err(to(doing))?;
        execute!(self.db(), sqlx::query("DELETE FROM area_successors")).map_err(to(doing))?;
        for area in tree.areas() {
            let border = area.border.as_ref().map(json).transpose()?;
            execute!(
                self.db(),
                sqlx::query(
                    "INSERT INTO areas (id, valid_from, valid_to, kind, name, parent, border) VALUES ($1, $2, $3, $4, $5, $6, $7)"
                )
                .bind(area.id.to_string())
                .bind(area.validity.from.to_string())
                .bind(area.validity.to.map(|to| to.to_string()))
                .bind(&area.kind)
                .bind(&area.name)
                .bind(area.parent.as_ref().map(ToString::to_string))
                .bind(&border)
            )
            .map_err(to(doing))?;
        }
        for successor in tree.successors() {
            execute!(
                self.db(),
                sqlx::query("INSERT INTO area_successors (predecessor, successor, share) VALUES ($1, $2, $3)")
                    .bind(successor.old.to_string())
                    .bind(successor.new.to_string())
                    .bind(successor.share)
            )
            .map_err(to(doing))?;
        }
        self.renew(Edition::Areas).await
    }
}
