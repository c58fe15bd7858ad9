//! matpho-vision
